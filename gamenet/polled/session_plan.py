"""What a polled session is to be: checked when it is given, before anything is sent."""

from __future__ import annotations

import attrs

from gamenet.polled.settings import PolledSettings
from gamenet.turn_client.ice_servers import IceServer
from gamenet.wire.session_id import SessionId

__all__ = ["SessionPlan"]


@attrs.frozen
class SessionPlan:
    """
    How to reach a session.  Made by L{gamenet.polled.session_builder.SessionBuilder}.

    @ivar signalling: The lobby's endpoint description.
    @ivar player_name: Who we are.
    @ivar session_name: The title of the session that we open; unused where we join.
    @ivar join: The session that we join; C{None} where we open one.
    @ivar capacity: How many may take part in the session that we open.
    @ivar ice_servers: The STUN and TURN servers to use; C{None} for what the lobby hands out.
    @ivar insecure: Whether plain C{tcp:} may leave this machine.
    @ivar settings: The sizes of the queues.
    """

    signalling: str
    player_name: str
    session_name: str
    join: SessionId | None
    capacity: int
    ice_servers: tuple[IceServer, ...] | None
    insecure: bool
    settings: PolledSettings
