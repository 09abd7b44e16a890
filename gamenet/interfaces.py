"""
The public contracts: what a game supplies, what a machine supplies, and what
passes between the rooms of the house.

Units, everywhere: seconds are C{float}, frames are C{int} counted from 0,
player numbers are C{int} counted from 1 (the host is player 1), sizes are
bytes.  Unless a method says that it returns a Deferred it is synchronous.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeAlias

from zope.interface import Attribute, Interface

from gamenet.rollback_interfaces import (
    IBotSimulation,
    IChecksummed,
    IRollbackSession,
    ISavesInto,
    ISeatedSimulation,
    ISeededSimulation,
    ISimulation,
)

__all__ = [
    "Address",
    "DatagramReceiver",
    "IBotSimulation",
    "IChecksummed",
    "IDatagramSocket",
    "IMachine",
    "IPeerProtocol",
    "IPicturedSimulation",
    "IRollbackSession",
    "ISavesInto",
    "ISeatedSimulation",
    "ISeededSimulation",
    "ISimulation",
]

#: A transport address: numeric host text (no name is ever looked up) and port.
Address: TypeAlias = tuple[str, int]

#: Called with each datagram that arrives: its bytes and the address it came from.
#: It must not raise; an L{IDatagramSocket} logs what it raises and goes on.
DatagramReceiver: TypeAlias = Callable[[bytes, Address], None]


class IPicturedSimulation(ISimulation):
    """A simulation that is drawn more often than it is played."""

    def picture() -> Mapping[Hashable, Sequence[int]]:
        """
        Return what there is to be drawn of the present state: for each object a
        tuple of integers, its place for example.  Must not be changed later.
        """


class IPeerProtocol(Interface):
    """
    One player's side of a match: the moments a game cares about.

    Games subclass L{gamenet.match.protocol.PeerProtocol}, which provides all of
    these with sensible defaults.  Every method is called on the reactor's
    thread, synchronously; one that raises ends the match with
    L{gamenet.errors.MomentFailed}.
    """

    def matchStarted(match: object) -> None:
        """
        Play begins: frame 0 is about to run.

        @param match: The L{gamenet.match.match.Match} being played.
        """

    def localInput(player: int, frame: int) -> bytes:
        """
        Return what a local player presses for one frame.

        Called exactly once per local player and frame, in frame order.

        @param player: The player's number, from 1.
        @param frame: The frame that the input will take effect in.
        @return: The input, at most L{gamenet.rollback.session.INPUT_LIMIT} bytes.
        """

    def frameReady(simulation: ISimulation, blend: float) -> None:
        """
        A new state is there to be drawn.

        @param simulation: The simulation, at the newest frame.
        @param blend: How far the present is past that frame, 0.0 to 1.0 of a
            frame.
        """

    def frameConfirmed(frame: int, inputs: Sequence[bytes], checksum: int) -> None:
        """
        A frame became final: every input of it is known and it will never be
        played again.  Called once per frame, in order.

        @param frame: The frame, from 0.
        @param inputs: All players' inputs of it, in order of player number.
        @param checksum: crc32 of the state that the frame led to.
        """

    def pathChanged(player: int, kind: str, address: Address) -> None:
        """
        Datagrams to a player now take another path.

        @param player: The other player's number.
        @param kind: C{"direct"} or C{"relay"}.
        @param address: Where they are sent.
        """

    def interrupted(player: int, silence: float) -> None:
        """
        Nothing has come from a player for a while; the match goes on waiting.

        @param silence: Seconds since the last packet of theirs.
        """

    def resumed(player: int) -> None:
        """A player who was silent is heard again."""

    def peerLost(player: int, silence: float) -> None:
        """
        A player has been silent beyond the limit; the match is about to end.

        @param silence: Seconds since the last packet of theirs.
        """

    def desynchronized(frame: int, local: int, remote: int, player: int) -> None:
        """
        A confirmed frame's checksum differs from another player's.

        @param frame: The first such frame that was compared.
        @param local: Our checksum of it.
        @param remote: Theirs.
        @param player: Whose it is.
        """

    def matchEnded(result: object) -> None:
        """
        The match is over, one way or another; nothing is called after this.

        @param result: A L{gamenet.match.protocol.MatchResult}; C{None} where an
            error ended the match, which whoever awaits C{play} gets.
        """

    def timeLost(seconds: float) -> None:
        """
        We slept for so long (a suspended machine, a blocked reactor) that the time is
        given up instead of being caught up with; play goes on from now.

        @param seconds: How much was given up, above
            L{gamenet.rollback.frame_schedule.INTERRUPTION}.
        """

    def waitRecommended(frames: int) -> None:
        """
        We are ahead of the others.  The match slows down by itself; a game that paces
        its own frames may pause.

        @param frames: For how many frames.
        """

    def inputDelayRecommended(frames: int, round_trip: float, jitter: float) -> None:
        """
        Another input delay would suit the path;
        L{gamenet.match.match.Match.setInputDelay} sets it.

        @param frames: The delay, in frames.
        @param round_trip: The measured seconds to the other player and back.
        @param jitter: By how many seconds that varies.
        """

    def effectStarted(number: int, frame: int, key: Hashable, payload: object) -> None:
        """
        Start an effect that the simulation announced
        (L{gamenet.rollback.effects.EffectTracker.announce}).  Called exactly once per
        effect, however often its frame is played.

        @param number: The effect's number, from 1; what follows about it has the same.
        @param frame: The frame that it belongs to; may be some frames old.
        @param key: Which effect, and by which object.
        @param payload: What was announced with it.
        """

    def effectCorrected(
        number: int, frame: int, key: Hashable, payload: object, former_frame: int
    ) -> None:
        """
        An effect that was started belongs to another frame, or has another payload;
        it must not be started again.

        @param number: The effect's number.
        @param frame: The frame that it belongs to now.
        @param key: Its key.
        @param payload: Its payload now.
        @param former_frame: The frame that it belonged to.
        """

    def effectCancelled(number: int, frame: int, key: Hashable, payload: object) -> None:
        """
        Stop an effect: the frame that caused it was undone, and it did not happen.
        Called at most once per effect; nothing follows about it.

        @param number: The effect's number.
        @param frame: The frame that it belonged to.
        @param key: Its key.
        @param payload: Its payload.
        """

    def effectConfirmed(number: int, frame: int, key: Hashable, payload: object) -> None:
        """
        An effect can never be undone any more.  Called at most once per effect;
        nothing follows about it.

        @param number: The effect's number.
        @param frame: The frame that it belongs to.
        @param key: Its key.
        @param payload: Its payload.
        """

    def recordingFailed(kind: str, error: Exception) -> None:
        """
        The replay or the log of the match could not be written; the match goes on
        without it.

        @param kind: C{"replay"} or C{"log"}.
        @param error: A L{gamenet.errors.MomentFailed}; what was raised is its
            C{__cause__}.
        """


class IDatagramSocket(Interface):
    """
    One UDP socket, or something that can be used as one (a relayed address, a
    share of a socket).

    Datagrams that arrive are handed to the L{DatagramReceiver} that was given
    when the socket was opened, on the reactor's thread, one by one.
    """

    address = Attribute("Where this socket can be reached on its own network, an L{Address}.")
    send_errors = Attribute("How many sends the system refused so far, an C{int}.")

    def send(data: bytes, address: Address, ttl: int | None = None) -> bool:
        """
        Send one datagram, or lose it.

        Never raises for anything the network does: an unreachable
        destination, a full buffer or a forbidden address are counted in
        C{send_errors}.

        @param data: The datagram, at most 65 507 bytes.
        @param address: Where to, numeric.
        @param ttl: The IP time to live (hops) of this datagram alone; C{None}
            is the system's own.
        @return: Whether the system took it.
        """

    def close() -> None:
        """Close the socket.  Nothing is received afterwards; closing twice is harmless."""


class IMachine(Interface):
    """
    What a process stands on.  The real one is
    L{gamenet.machine.reactor_machine.ReactorMachine}, the simulated one
    L{gamenet.world.machine.WorldMachine}; protocols cannot tell them apart.
    """

    clock = Attribute(
        "The monotonic clock and timers, an C{twisted.internet.interfaces.IReactorTime}.  Its "
        "zero means nothing and it never steps."
    )

    def wallClock() -> float:
        """
        Return seconds since 1970, as this machine believes.

        May step at any time; for credentials and logs only, never for
        measuring how long something took.
        """

    def randomBytes(count: int) -> bytes:
        """Return that many unpredictable bytes."""

    def openDatagramSocket(
        receiver: DatagramReceiver, interface: str = "", port: int = 0
    ) -> IDatagramSocket:
        """
        Open a UDP socket over IPv4.

        @param receiver: Called with every datagram that arrives.
        @param interface: The numeric local address; C{""} is all of them.
        @param port: The local port; 0 lets the system choose.
        @raise gamenet.errors.CannotBind: The address is taken or not ours.
        """

    def streamClientEndpoint(description: str) -> object:
        """
        Return an C{twisted.internet.interfaces.IStreamClientEndpoint}.

        @param description: A Twisted endpoint description, for example
            C{"tcp:lobby.example.org:7770"}.
        @raise gamenet.errors.BadAddress: It is not one.
        """

    def streamServerEndpoint(description: str) -> object:
        """
        Return an C{twisted.internet.interfaces.IStreamServerEndpoint}.

        @param description: A Twisted endpoint description, for example
            C{"tcp:7770"}.
        @raise gamenet.errors.BadAddress: It is not one.
        """

    def sourceAddress(destination: str) -> str:
        """
        Return the numeric local address that datagrams to C{destination}
        would leave from.  Sends nothing.

        @param destination: A numeric host.
        @raise gamenet.errors.BadAddress: It is none.
        @raise gamenet.errors.CannotBind: There is no way to it.
        """


class ITransfer(Interface):
    """
    Carries something large to another peer: whole, proven, or not at all.

    At most one content per peer, purpose and direction is under way; a newer one
    takes the place of an older one.  The simple one is
    L{gamenet.rollback.transfer.DatagramTransfer}.
    """

    def send(peer: int, purpose: int, frame: int, content: bytes, now: float) -> None:
        """
        Begin to send.

        @param peer: To whom.
        @param purpose: A L{gamenet.wire.transfer_packets.TransferPurpose}.
        @param frame: The snapshot's number, or the frame that it is about.
        @param content: The bytes.
        @param now: The time, in seconds.
        @raise gamenet.errors.LocalProtocolError: It is too long, or nobody can be sent
            anything now.
        """

    def packetReceived(
        peer: int, body: bytes, now: float
    ) -> gamenet.rollback.transfer.TransferReceived | None:
        """
        Take a packet.

        @param peer: Who sent it; the caller has proven that.
        @param body: The packet.
        @param now: The time, in seconds.
        @return: The L{gamenet.rollback.transfer.TransferReceived} that this packet made
            whole, or C{None}.
        @raise gamenet.errors.RemoteProtocolError: They cannot rightly have sent it.
        """

    def packetsDue(now: float) -> tuple[tuple[int, bytes], ...]:
        """
        Return what is to be sent now, as pairs of a peer and a body.

        @param now: The time, in seconds.
        """

    def cancel(peer: int) -> None:
        """End all transfers with a peer."""

    def progress(peer: int) -> float | None:
        """
        Return how much of what is under way with a peer is there, from 0 to 1, or
        C{None} if nothing is.
        """

    def drainFailures() -> tuple[gamenet.rollback.transfer.TransferFailed, ...]:
        """Return the L{gamenet.rollback.transfer.TransferFailed} since the last call."""
