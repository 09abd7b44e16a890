"""
The contracts of the rollback simulator: what a game supplies to it, and what
each of its sessions does.  L{gamenet.interfaces} has them all too.

What a game's author must write is L{ISimulation}.  The others are what a
simulation may offer beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zope.interface import Attribute, Interface

__all__ = [
    "IBotSimulation",
    "IChecksummed",
    "IOwnsSnapshots",
    "IRollbackSession",
    "ISavesInto",
    "ISeatedSimulation",
    "ISeededSimulation",
    "ISimulation",
]


class ISimulation(Interface):
    """
    The rules of a game: the same inputs give the same state, everywhere.

    Supplied by the game's author; called by what applies a session's steps
    (L{gamenet.rollback.timeline}), always synchronously and never re-entrantly.  An exception
    from any of these ends the match with L{gamenet.errors.MomentFailed}.
    """

    def advance(inputs: Sequence[bytes]) -> None:
        """
        Play one frame.

        @param inputs: One input per player in order of player number, so
            player C{n}'s input is C{inputs[n - 1]}; C{b""} where that player
            has given none yet.
        """

    def save() -> bytes:
        """
        Return the whole state as bytes that L{load} understands.

        Equal states must give equal bytes: the checksum is taken of them.
        """

    def load(snapshot: bytes) -> None:
        """
        Become the state that C{snapshot} was taken of.

        @param snapshot: What L{save} once returned, on this or on another
            player's machine.
        """


class ISeededSimulation(ISimulation):
    """A simulation that uses random numbers, the same ones on every player's machine."""

    def begin(seed: int) -> None:
        """
        Become the state before frame 0.  Called once, before anything else.

        @param seed: The match's seed from the lobby, 0 to 2**64 - 1; give it to
            L{gamenet.seeded_random.SeededRandom} and keep that one's state in the
            snapshot.
        """


class ISavesInto(ISimulation):
    """
    A simulation whose state has one size, and which saves it without allocating.

    Its C{load} is given a read-only C{memoryview} instead of bytes, of which it
    must keep nothing: the buffer is written again some frames later.
    """

    state_size = Attribute(
        "The size of every snapshot in bytes, an C{int}, 1 to "
        "L{gamenet.rollback.saved_states.STATE_LIMIT}; it never changes."
    )

    def saveInto(buffer: memoryview) -> None:
        """
        Write the whole state into a buffer, the same bytes that C{save} returns.

        All C{state_size} bytes must be written: what was in the buffer before is
        the state of some other frame.  This is tried out at the first save, where
        it is called twice.

        @param buffer: C{state_size} writable bytes, for C{struct.pack_into} for
            example.  Nothing of it may be kept.
        """


class IChecksummed(ISimulation):
    """
    A simulation that has a checksum of its own, for example one that it keeps up
    to date while it plays.  Without it the checksum is crc32 of the snapshot.
    """

    def checksum() -> int:
        """
        Return the checksum of the present state, 0 to 2**32 - 1.

        Called right after the state was saved.  Equal states must give equal
        checksums, on every player's machine; so it covers nothing that the
        snapshot leaves out.
        """


class IOwnsSnapshots(ISimulation):
    """
    A simulation whose snapshots are objects of its own: a tuple, a frozen tree, a
    list of arrays, whatever is quick to take and to load.  It must provide
    L{IChecksummed} too, as there are no bytes to take a checksum of; and it cannot
    provide L{ISavesInto}.

    Snapshots become bytes only where they leave the machine: for who joins late, for
    the exchange of full states, for dumps; not while frames are played.
    """

    def save() -> Any:
        """
        Return the whole state as anything but C{None}.

        It must never change afterwards, also where it shares parts with the present
        state or with other snapshots.  It is loaded any number of times, and let go
        of when it is not needed any more.
        """

    def load(snapshot: Any) -> None:
        """
        Become the state that C{snapshot} was taken of.

        @param snapshot: The very object that L{save} returned, or one that
            L{decodeSnapshot} did.  It must not be changed, now or later.
        """

    def encodeSnapshot(snapshot: Any) -> bytes:
        """
        Pack a snapshot, which need not be of the present state.

        @param snapshot: What L{save} or L{decodeSnapshot} returned.
        @return: Bytes that L{decodeSnapshot} understands, on every player's machine.
            Equal states must give equal bytes: those of two players are compared
            when their checksums differ.
        """

    def decodeSnapshot(data: bytes) -> Any:
        """
        Unpack a snapshot; the present state does not matter, and is not changed.

        @param data: What another player sent, who may lie: anything.  Check all of it,
            and make nothing that is much larger than it.
        @return: The snapshot, which is loaded next.
        @raise Exception: It is none.  The state was asked for and nothing can be
            played without it; so the match ends with
            L{gamenet.rollback.state_dump.StateRefused}, which is the other player's
            fault and not the game's.
        """


class ISeatedSimulation(ISimulation):
    """A simulation that wants to know whose seats are empty."""

    def advanceSeated(inputs: Sequence[bytes], absent: Sequence[int]) -> None:
        """
        Play one frame.  Called instead of C{advance}, for each frame.

        @param inputs: As for C{advance}; those of absent players too, by the
            policy of the match (L{gamenet.rollback.settings.LeaverPolicy}).
        @param absent: The players whose seats are empty in this frame, ascending.
            Like an input it may be a prediction.
        """


class IBotSimulation(ISimulation):
    """A simulation that can play on for a player who left."""

    def botInput(player: int) -> bytes:
        """
        Return what the bot of an absent player presses in the next frame.

        Called right before that frame is played, each time that it is, for each
        absent player in ascending order.  It must follow from the present state
        alone and must not change it: it is asked on every player's machine.

        @param player: The absent player's number, from 1.
        @return: The input, at most as long as a player's may be.
        """


class IRollbackSession(Interface):
    """
    What all sessions of L{gamenet.rollback} do: they are told inputs, packets and
    the time, and give steps, packets and events.

    One tick of the caller::

        frame = session.inputFrame()
        text = None if frame is None else readInput(frame)
        timeline.apply(session.advance(text, now))
        for event in session.drainEvents(): ...
        for peer, body in session.packetsDue(now): ...
    """

    current_frame = Attribute("The frame that is played next for the first time, an C{int}.")
    confirmed_frame = Attribute(
        "The newest frame that will never be played again, an C{int}, or -1."
    )
    state = Attribute("What it is doing, a L{gamenet.rollback.session_state.SessionState}.")
    statistics = Attribute(
        "What it counted, a L{gamenet.rollback.statistics.SessionStatistics}; to be read only."
    )
    timeline_rules = Attribute(
        "What a timeline has to keep, a L{gamenet.rollback.timeline_rules.TimelineRules}."
    )

    def inputFrame(player: int | None = None) -> int | None:
        """
        Return the frame for which an input is wanted, or C{None} if none is.

        @param player: Which local player's; C{None} is the first one's.
        @raise gamenet.errors.LocalProtocolError: That player is not played here.
        """

    def advance(local_input: bytes | Mapping[int, bytes] | None, now: float) -> Sequence[Any]:
        """
        Correct what was predicted wrong, and play one new frame if possible.

        @param local_input: The local player's input of frame L{inputFrame}; where
            there are several, each one's by player number; C{None} if none is given.
        @param now: The time, in seconds.
        @return: The L{gamenet.rollback.steps.Step}s to apply, in order, before the
            session is called again.
        @raise gamenet.errors.LocalProtocolError: The session's state does not allow
            it; nothing changed.
        """

    def packetReceived(peer: int, body: bytes, now: float) -> None:
        """
        Take a packet.

        @param peer: Who sent it: the number of a peer's lowest player.
        @param body: The packet.
        @param now: The time, in seconds.
        @raise gamenet.errors.RemoteProtocolError: They cannot rightly have sent it;
            it was counted and nothing else changed.
        @raise gamenet.errors.LocalProtocolError: There is no such peer.
        """

    def packetsDue(now: float) -> Sequence[tuple[int, bytes]]:
        """
        Return the packets to be sent now: to which peer, and the body.

        @param now: The time, in seconds.
        """

    def checksumsWanted() -> Sequence[int]:
        """
        Return the frames whose checksums are wanted, ascending; asked for after the
        steps were applied.  The checksum of frame C{f} is that of snapshot C{f + 1}.
        """

    def checksumTaken(frame: int, checksum: int) -> None:
        """
        Take a checksum that was wanted.

        @param frame: The first of L{checksumsWanted}.
        @param checksum: The checksum of the state that the frame led to.
        """

    def dumpsWanted() -> Sequence[int]:
        """
        Return the final frames whose states are wanted, to be sent or compared; asked
        for after the checksums.
        """

    def dumpTaken(frame: int, dump: Any) -> None:
        """
        Take a state that was wanted.

        @param frame: One of L{dumpsWanted}.
        @param dump: The L{gamenet.rollback.state_dump.StateDump} of the state that it
            led to; C{None} if it is not kept.
        """

    def drainEvents() -> Sequence[Any]:
        """Return what happened since the last call, in order."""
