"""
One match: sealed links, paths, and the player's side of the game.

L{connect} is the one obvious way in.
"""

from gamenet.match.configuration import ConfigurationDiffers
from gamenet.match.difference import StatesDiffered
from gamenet.match.player import Player, connect
from gamenet.match.protocol import MatchResult, Outcome, PeerProtocol
from gamenet.match.result import PlayerSignature, SignatureState
from gamenet.match.returning import ReturnedSession, rejoin
from gamenet.match.rollback_choices import RollbackChoices
from gamenet.match.session import Session
from gamenet.match.session_protocol import SessionProtocol
from gamenet.match.session_settings import SessionSettings
from gamenet.match.settings import MatchSettings
from gamenet.match.shared_match import SharedMatch
from gamenet.match.shared_session import SharedSession
from gamenet.match.start import NoSeat, NotLoaded, StartCalledOff
from gamenet.match.statistics import MatchStatistics
from gamenet.rollback.settings import Prediction, StateRepair

__all__ = [
    "ConfigurationDiffers",
    "MatchResult",
    "MatchSettings",
    "MatchStatistics",
    "NoSeat",
    "NotLoaded",
    "Outcome",
    "PeerProtocol",
    "Player",
    "PlayerSignature",
    "Prediction",
    "ReturnedSession",
    "RollbackChoices",
    "Session",
    "SessionProtocol",
    "SessionSettings",
    "SharedMatch",
    "SharedSession",
    "SignatureState",
    "StartCalledOff",
    "StateRepair",
    "StatesDiffered",
    "connect",
    "rejoin",
]
