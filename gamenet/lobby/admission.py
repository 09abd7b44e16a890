"""
Who can sit down: how many play at one client, and whether a session has seats for them.
"""

from __future__ import annotations

from gamenet.lobby.seating import Client, Session
from gamenet.lobby.standing import Refusal
from gamenet.wire.lobby_messages import LOCAL_PLAYERS_LIMIT, RefusalCode

__all__ = ["SEVERAL_SINCE", "requirePlayers", "requireRoom", "requireVersions"]

#: The version of the protocol since which several can play at one client.
SEVERAL_SINCE = 2


def requirePlayers(client: Client, players: int, capacity: int) -> None:
    """
    @raise Refusal: So many cannot play at one client, or not at one of that version, or
        there never are so many seats.
    """
    if players > LOCAL_PLAYERS_LIMIT:
        raise Refusal(
            RefusalCode.BAD_SETTING, f"at most {LOCAL_PLAYERS_LIMIT} can play at one client"
        )
    if players > 1 and client.version < SEVERAL_SINCE:
        raise Refusal(
            RefusalCode.UNSUPPORTED_VERSION,
            f"several can play at one client since version {SEVERAL_SINCE}",
        )
    if players > capacity:
        raise Refusal(
            RefusalCode.BAD_SETTING, f"{players} players do not fit in {capacity} seats"
        )


def requireVersions(client: Client, players: int, session: Session) -> None:
    """
    @raise Refusal: Several play at one client, and somebody could not be told their numbers.
    """
    together = [client, *session.members.values()]
    several = players > 1 or any(member.players > 1 for member in session.members.values())
    if several and any(member.version < SEVERAL_SINCE for member in together):
        raise Refusal(
            RefusalCode.UNSUPPORTED_VERSION,
            "several play at one client, and not all in that session know of that",
        )


def requireRoom(session: Session, players: int) -> None:
    """
    @raise Refusal: There is no room for so many at one client.
    """
    if not session.hasRoomFor(1):
        kept = "" if session.full else ", or kept for a player who was lost"
        raise Refusal(
            RefusalCode.SESSION_FULL, f"every seat of that session is taken{kept}"
        )
    if not session.hasRoomFor(players):
        side_by_side = "" if session.match is None else " with numbers one after the other"
        raise Refusal(
            RefusalCode.SESSION_FULL, f"that session has no {players} free seats{side_by_side}"
        )
