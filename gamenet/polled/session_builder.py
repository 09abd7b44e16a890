"""
The way to a polled session: say what it is to be, then host one or join one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from gamenet.bounds import wholeNumber
from gamenet.errors import BadSetting
from gamenet.interfaces import IMachine
from gamenet.lobby.endpoint_security import requireSecure
from gamenet.match.player import SEATS_LIMIT, Player, connect
from gamenet.mesh.own_relay import relayAmong
from gamenet.polled.loops import processLoop, requireEndpoint
from gamenet.polled.polled_session import PolledSession
from gamenet.polled.session_plan import SessionPlan
from gamenet.polled.settings import PolledSettings
from gamenet.turn_client.ice_servers import IceServer
from gamenet.wire.lobby_fields import nameProblem
from gamenet.wire.lobby_values import NAME_LIMIT, TITLE_LIMIT
from gamenet.wire.session_id import SessionId

__all__ = ["SERVERS_LIMIT", "SessionBuilder"]

#: The most STUN and TURN servers of a session.
SERVERS_LIMIT = 16

_SIZES = PolledSettings()


def _servers(servers: Iterable[IceServer | str] | None) -> tuple[IceServer, ...] | None:
    """
    Return the servers, read where they are URLs.

    @raise BadSetting: One of them is none, or none that a match can use, or they are no list.
    """
    if servers is None:
        return None
    if not isinstance(servers, (list, tuple)):
        raise BadSetting(f"ice_servers must be a list of servers, not a {type(servers).__name__}")
    if len(servers) > SERVERS_LIMIT:
        raise BadSetting(f"ice_servers has at most {SERVERS_LIMIT} servers, not {len(servers)}")
    read = [
        server if isinstance(server, IceServer) else IceServer.parse(server) for server in servers
    ]
    relayAmong(read)
    return tuple(read)


def _requireName(limit: int) -> Any:
    def check(instance: object, attribute: attrs.Attribute[str], value: object) -> None:
        problem = nameProblem(value, limit) if isinstance(value, str) else "must be a text"
        if problem is not None:
            raise BadSetting(f"{attribute.name} {problem}: {value!r:.80}")

    return check


def _requireFlag(instance: object, attribute: attrs.Attribute[bool], value: object) -> None:
    if type(value) is not bool:
        raise BadSetting(f"{attribute.name} must be true or false, not {value!r:.80}")


def _requireLobby(instance: SessionBuilder, attribute: attrs.Attribute[str], value: str) -> None:
    if type(value) is not str:
        raise BadSetting(f"{attribute.name} must be an endpoint description, not {value!r:.80}")
    requireEndpoint(value)


@attrs.frozen
class SessionBuilder:
    """
    Describes a session, for a game that owns its loop; seed rows K1 and K7.

    @ivar signalling: The lobby, as a Twisted endpoint description, for example
        C{"tls:lobby.example.org:7770"}.
    @ivar player_name: Who we are, 1 to 32 characters.
    @ivar session_name: The title of the session to open, 1 to 64 characters; our name's
        game where none is given.
    @ivar capacity: How many may take part in it, at most
        L{gamenet.match.player.SEATS_LIMIT}.
    @ivar ice_servers: STUN and TURN servers: each a L{IceServer}, which has credentials, or
        a C{stun:} URL; at most L{SERVERS_LIMIT}.  L{gamenet.mesh.own_relay} says which can
        be used.  C{None} for what the lobby hands out.
    @ivar batch_size: How many events one C{poll} hands over at most.
    @ivar queue_size: How many events, and how many commands, may wait.
    @ivar insecure: Allow plain C{tcp:} to a lobby that is not on this machine.
    @ivar threaded: Whether the network runs in a thread of its own; otherwise it runs
        in the calls of C{poll}, and a game that does not poll is lost to the others.

    @raise BadSetting: A value cannot be; the text says which and why.
    @raise gamenet.errors.BadAddress: C{signalling} describes no endpoint.
    @raise gamenet.errors.InsecureConnection: It is not encrypted, and leaves this machine.
    """

    signalling: str = attrs.field(validator=_requireLobby)
    player_name: str = attrs.field(validator=_requireName(NAME_LIMIT))
    session_name: str = attrs.field(
        default=attrs.Factory(lambda self: f"{self.player_name}'s game", takes_self=True),
        validator=_requireName(TITLE_LIMIT),
        kw_only=True,
    )
    capacity: int = attrs.field(default=8, validator=wholeNumber(1, SEATS_LIMIT), kw_only=True)
    ice_servers: tuple[IceServer, ...] | None = attrs.field(
        default=None, converter=_servers, kw_only=True
    )
    batch_size: int = attrs.field(default=_SIZES.batch_size, kw_only=True)
    queue_size: int = attrs.field(default=_SIZES.queue_size, kw_only=True)
    insecure: bool = attrs.field(default=False, validator=_requireFlag, kw_only=True)
    threaded: bool = attrs.field(default=True, validator=_requireFlag, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Check what is given together."""
        self._settings()
        requireSecure(self.signalling, self.insecure)

    def host(self) -> PolledSession:
        """
        Open a session and host it.

        Returns at once; C{session_id} is there to be shared as soon as the lobby has
        answered.  What goes wrong is raised by C{poll}, by name.

        @raise gamenet.errors.LocalProtocolError: The reactor of this process is not ours.
        """
        return self._begin(None)

    def join(self, session_id: SessionId | str) -> PolledSession:
        """
        Join a session.

        Returns at once; C{session} is C{None} until its state has come.  Who has read it and
        wants to take part submits L{gamenet.wire.log_commands.Join}.

        @param session_id: What the host has shared.
        @raise gamenet.errors.InvalidSessionId: The text is no session's id.
        @raise gamenet.errors.LocalProtocolError: The reactor of this process is not ours.
        """
        if not isinstance(session_id, SessionId):
            session_id = SessionId.parse(session_id)
        return self._begin(session_id)

    def _settings(self) -> PolledSettings:
        return PolledSettings(batch_size=self.batch_size, queue_size=self.queue_size)

    def _begin(self, join: SessionId | None) -> PolledSession:
        plan = SessionPlan(
            self.signalling,
            self.player_name,
            self.session_name,
            join,
            self.capacity,
            self.ice_servers,
            self.insecure,
            self._settings(),
        )
        return PolledSession(processLoop(self.threaded), plan, _connect)


def _connect(machine: IMachine, plan: SessionPlan) -> Deferred[Player]:
    """Reach the lobby."""
    return connect(
        machine,
        plan.signalling,
        plan.player_name,
        insecure=plan.insecure,
        ice_servers=plan.ice_servers,
    )
