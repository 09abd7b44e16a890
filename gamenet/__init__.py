"""
The network half of an online game, on Twisted.

A lobby to meet in (L{gamenet.lobby}), a way through routers
(L{gamenet.traversal}), a relay where there is none (L{gamenet.relay}), a
deterministic rollback simulator (L{gamenet.rollback}), and the match that
brings them together (L{gamenet.match}).  L{gamenet.world} holds the whole
network in memory, for tests.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
