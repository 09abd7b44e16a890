"""
The directory's effects in the words of L{tests.lobby_model}.
"""

from __future__ import annotations

from typing import Any

from gamenet.lobby.effects import (
    Effect,
    HostReported,
    ListChanged,
    MatchOver,
    MatchStarted,
    MemberJoined,
    ResultOffered,
    Send,
    SessionCreated,
)
from gamenet.wire.lobby_messages import (
    CandidatesChanged,
    MatchTicket,
    PlayerJoined,
    PlayerLeft,
    Refused,
    SessionClosed,
    SessionList,
    SessionState,
    Step,
    encodeMessage,
)
from tests.lobby_model import Outcome

__all__ = ["detailOf", "outcomeOf"]


def detailOf(message: Any) -> Any:
    """Return what the model says of a message beyond its kind."""
    if isinstance(message, SessionState):
        view = message.view
        members = [(member.client_id, member.players) for member in view.members]
        return message.request > 0, members, view.state
    if isinstance(message, SessionList):
        return [
            (s.session_id, s.members, s.state == "playing", s.joinable) for s in message.sessions
        ]
    if isinstance(message, SessionClosed):
        return message.session_id
    if isinstance(message, MatchTicket):
        members = message.members
        candidates = [tuple((c.kind, c.address) for c in m.candidates) for m in members]
        numbered = [(member.numbers, member.client_id) for member in members]
        return message.player, numbered, candidates, message.capacity, message.late
    if isinstance(message, PlayerJoined):
        member = message.member
        candidates = [(c.kind, c.address) for c in member.candidates]
        return member.numbers, member.client_id, tuple(candidates)
    if isinstance(message, CandidatesChanged):
        return message.player, tuple((c.kind, c.address) for c in message.candidates)
    if isinstance(message, (Step, PlayerLeft)):
        return message.player
    return None


def outcomeOf(effects: tuple[Effect, ...]) -> Outcome:
    """Return effects in the words of the model."""
    outcome: Outcome = []
    for effect in effects:
        kind = type(effect).__name__
        match effect:
            case ListChanged():
                outcome.append((kind, b"", None))
            case Send(client_id, Refused() as refused):
                outcome.append(("refused", client_id, refused.code))
            case Send(client_id, message):
                encodeMessage(message)
                outcome.append((type(message).__name__, client_id, detailOf(message)))
            case SessionCreated() | MemberJoined():
                members = [(member.client_id, member.players) for member in effect.view.members]
                outcome.append((kind, effect.client_id, members))
            case MatchStarted():
                outcome.append((kind, effect.client_id, effect.ticket.player))
            case MatchOver():
                outcome.append((kind, effect.client_id, effect.match_id))
            case HostReported():
                outcome.append((kind, effect.client_id, (effect.epoch, effect.players)))
            case ResultOffered(client_id, offered, differs):
                detail = (offered.player, offered.result, offered.missing, differs)
                outcome.append((kind, client_id, detail))
            case _:
                outcome.append((kind, effect.client_id, None))
    return outcome
