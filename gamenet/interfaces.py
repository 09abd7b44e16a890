"""
The public contracts: what a game supplies, what a machine supplies, and what
passes between the rooms of the house.

Units, everywhere: seconds are C{float}, frames are C{int} counted from 0,
player numbers are C{int} counted from 1 (the host is player 1), sizes are
bytes.  Unless a method says that it returns a Deferred it is synchronous.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from zope.interface import Attribute, Interface

__all__ = [
    "Address",
    "DatagramReceiver",
    "IDatagramSocket",
    "IMachine",
    "IPeerProtocol",
    "ISeededSimulation",
    "ISimulation",
]

#: A transport address: numeric host text (no name is ever looked up) and port.
Address: TypeAlias = tuple[str, int]

#: Called with each datagram that arrives: its bytes and the address it came from.
#: It must not raise; an L{IDatagramSocket} logs what it raises and goes on.
DatagramReceiver: TypeAlias = Callable[[bytes, Address], None]


class ISimulation(Interface):
    """
    The rules of a game: the same inputs give the same state, everywhere.

    Supplied by the game's author; called by L{gamenet.rollback.timeline} and
    by nobody else, always synchronously and never re-entrantly.  An exception
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
