"""
The twistd plugins of gamenet.

There is deliberately no C{__init__.py} here or above: Twisted finds plugins in
every C{twisted/plugins} folder on the path, and its own packages would be
overwritten by ours.
"""

from twisted.application.service import ServiceMaker

__all__ = ["gamenet_lobby", "gamenet_relay"]

gamenet_lobby = ServiceMaker(
    "gamenet lobby",
    "gamenet.lobby_tap",
    "The lobby of gamenet: players meet here.",
    "gamenet-lobby",
)

gamenet_relay = ServiceMaker(
    "gamenet relay",
    "gamenet.relay_tap",
    "The relay of gamenet: a STUN and TURN server.",
    "gamenet-relay",
)
