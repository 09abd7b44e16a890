"""What a mesh leaves to a later process: who is in it now, and by which keys."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from gamenet.mesh.resume_secret import KnownKey, RelayLogin, ResumeSecret, encodeResumeSecret
from gamenet.mesh.sockets import PlayerSockets
from gamenet.sealing.known_peer import KnownPeer
from gamenet.sealing.player_keys import PlayerKeys
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.lobby_values import TicketMember

__all__ = ["resumeSecretOf"]


def resumeSecretOf(
    ticket: MatchTicket,
    keys: PlayerKeys,
    members: tuple[TicketMember, ...],
    known: Iterable[KnownPeer],
    sockets: PlayerSockets,
) -> bytes:
    """
    Return what a later process of ours needs to come back.

    Who has no seat is left out: a spectator is introduced again.

    @param ticket: The match.
    @param members: Everybody in it now, by ascending number.
    @param known: What is known of the others' processes.
    @param sockets: Our sockets, for the relay.
    """
    capacity = ticket.capacity or members[-1].player
    seated = tuple(member for member in members if member.player <= capacity)
    numbers = [member.player for member in seated]
    newest = tuple(
        KnownKey(each.player, each.link_key, each.generation, each.own_generation)
        for each in sorted(known, key=lambda each: each.player)
        if each.player in numbers
    )
    access = sockets.relay_access
    return encodeResumeSecret(
        ResumeSecret(
            attrs.evolve(ticket, members=seated, capacity=capacity, late=True),
            keys.statementSeed(),
            None if access is None else RelayLogin(*access),
            newest,
            sockets.relay_only,
        )
    )
