"""
A shared session for games that own their loop: nothing is called back, all is polled.

L{gamenet.polled.session_builder.SessionBuilder} is the way in::

    session = SessionBuilder("tls:lobby.example.org:7770", "Ada").host()
    while running:
        session.poll()
        for event in session.events(): ...
        draw(session.session)
"""

from gamenet.polled.errors import (
    CommandQueueFull,
    EventQueueFull,
    PolledTooRarely,
    SessionEnded,
)
from gamenet.polled.events import (
    Accepted,
    Applied,
    Dropped,
    Ended,
    HostChanged,
    Opened,
    PeersChanged,
    PolledEvent,
    Refused,
    Seated,
    StatesDisagree,
    Synced,
)
from gamenet.polled.polled_session import PolledSession
from gamenet.polled.session_builder import SessionBuilder
from gamenet.turn_client.ice_servers import IceServer
from gamenet.wire.session_id import SessionId

__all__ = [
    "Accepted",
    "Applied",
    "CommandQueueFull",
    "Dropped",
    "Ended",
    "EventQueueFull",
    "HostChanged",
    "IceServer",
    "Opened",
    "PeersChanged",
    "PolledEvent",
    "PolledSession",
    "PolledTooRarely",
    "Refused",
    "Seated",
    "SessionBuilder",
    "SessionEnded",
    "SessionId",
    "StatesDisagree",
    "Synced",
]
