"""
The errors that more than one room raises, by name.

Two families matter to whoever writes a state machine: L{RemoteProtocolError}
is the other side's doing (drop the packet, answer with a refusal, or close
that connection) and L{LocalProtocolError} is ours (a bug in the caller).
"""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "BadAddress",
    "BadSetting",
    "CannotBind",
    "CommandRefused",
    "ConnectionFailed",
    "FrameTooLong",
    "GamenetError",
    "IdentityTimeout",
    "InsecureConnection",
    "InvalidSessionId",
    "LobbyLost",
    "LocalProtocolError",
    "MalformedMessage",
    "MatchEnded",
    "MomentFailed",
    "NoPath",
    "PeerLost",
    "PeerTimeout",
    "RelayRefused",
    "RemoteProtocolError",
    "RequestRefused",
    "RequestTimedOut",
    "SendFailed",
    "SyncTimeout",
    "UnknownMessage",
]


class GamenetError(Exception):
    """The base of every error that gamenet raises by name."""


class BadSetting(GamenetError, ValueError):
    """A setting or an option has a value that cannot work; the text says which and why."""


class BadAddress(GamenetError, ValueError):
    """A text that should name an address, a port or an endpoint does not; the text quotes it."""


class CannotBind(GamenetError):
    """A socket could not be opened; the text names the address and the cause."""


class InvalidSessionId(BadSetting):
    """A text that should be the id of a session is none; the text says what to check."""


class LocalProtocolError(GamenetError):
    """We asked a state machine for something that its state does not allow: a bug on this side."""


class RemoteProtocolError(GamenetError):
    """The other side sent something that its state does not allow."""


class MalformedMessage(RemoteProtocolError):
    """Bytes that are not a message: wrong shape or type, out of bounds, not canonical, cut off."""


class UnknownMessage(MalformedMessage):
    """A well-formed message whose number nobody here knows."""


class FrameTooLong(MalformedMessage):
    """A length prefix announces more bytes than the limit; nothing of the frame is buffered."""


class ConnectionFailed(GamenetError):
    """The lobby could not be reached; the text says where it was looked for."""


class InsecureConnection(GamenetError):
    """
    A plain TCP connection to a host that is not loopback was asked for
    without C{insecure=True}.
    """


class LobbyLost(GamenetError):
    """The connection with the lobby ended while something was waiting for it."""


class RequestTimedOut(GamenetError):
    """An answer did not come in time; the text names the request and the limit in seconds."""


class RequestRefused(GamenetError):
    """
    The lobby refused a request.

    @ivar code: Why, a L{gamenet.wire.lobby_refusals.RefusalCode}; its number is the wire's.
    @ivar reason: The lobby's text for a person.
    """

    def __init__(self, code: IntEnum, reason: str) -> None:
        super().__init__(f"{code.name}: {reason}")
        self.code = code
        self.reason = reason


class RelayRefused(GamenetError):
    """
    The relay refused a request.

    @ivar code: The STUN error code (RFC 8489, section 14.8), an C{int}; 0
        where the relay never answered.
    @ivar reason: The reason phrase.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class NoPath(GamenetError):
    """No path to the other player was proven in time, neither direct nor through the relay."""


class PeerLost(GamenetError):
    """
    The other player has been silent for longer than the limit.

    @ivar player: The player's number, from 1.
    @ivar silence: Seconds since the last packet of theirs.
    """

    def __init__(self, player: int, silence: float) -> None:
        super().__init__(f"player {player} has been silent for {silence:.1f} s")
        self.player = player
        self.silence = silence


class MatchEnded(GamenetError):
    """Something was asked of a match that is over; the text says how it ended."""


class MomentFailed(GamenetError):
    """
    A method that the game supplies raised, and the match is over because of it.

    The original exception is the C{__cause__}.

    @ivar moment: The name of the method, for example C{"advance"}.
    @ivar frame: The frame it was called for, or C{None}.
    """

    def __init__(self, moment: str, frame: int | None = None) -> None:
        where = "" if frame is None else f" at frame {frame}"
        super().__init__(f"the game's {moment!r} raised{where}")
        self.moment = moment
        self.frame = frame


class CommandRefused(GamenetError):
    """
    The host of a shared session refused a command; nothing came of it.

    @ivar code: Why, a L{gamenet.wire.log_values.RefusalCode}; its number is the wire's.
    @ivar reason: The host's text for a person.
    """

    def __init__(self, code: IntEnum, reason: str) -> None:
        super().__init__(f"{code.name}: {reason}")
        self.code = code
        self.reason = reason


class SendFailed(GamenetError):
    """
    A command of a shared session could not be sent, or its answer cannot come any more;
    the text says why.
    """


class IdentityTimeout(GamenetError):
    """
    The lobby did not say in time who we are in the match.

    @ivar limit: How long that may take, in seconds.
    """

    def __init__(self, limit: float) -> None:
        super().__init__(
            f"the lobby has not told our player number within {limit:g} s: check that the"
            " session's host is there and has started, and that the lobby still answers"
        )
        self.limit = limit


class PeerTimeout(GamenetError):
    """
    None of the other players could be reached in time.

    @ivar limit: How long that may take, in seconds.
    """

    def __init__(self, limit: float) -> None:
        super().__init__(
            f"no other player was reached within {limit:g} s: check that the host is still"
            " there, that UDP is not blocked, and that a relay is running"
        )
        self.limit = limit


class SyncTimeout(GamenetError):
    """
    Another player was reached, but the state of the session did not come in time.

    @ivar limit: How long that may take, in seconds.
    """

    def __init__(self, limit: float) -> None:
        super().__init__(
            f"the session's state has not come within {limit:g} s: check that its host is still"
            " there, and that all play with the same version of gamenet"
        )
        self.limit = limit
