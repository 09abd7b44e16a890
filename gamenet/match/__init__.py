"""
One match: sealed links, paths, and the player's side of the game.

L{connect} is the one obvious way in.
"""

from gamenet.match.protocol import MatchResult, MatchStatistics, Outcome, PeerProtocol
from gamenet.match.session import Player, Session, connect
from gamenet.match.settings import MatchSettings

__all__ = [
    "MatchResult",
    "MatchSettings",
    "MatchStatistics",
    "Outcome",
    "PeerProtocol",
    "Player",
    "Session",
    "connect",
]
