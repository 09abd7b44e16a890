"""
For the tests of L{gamenet.rollback}: packets of every family, recorded from honest
matches, and what an attacker makes of them.
"""

from __future__ import annotations

from functools import cache

from gamenet.rollback.session_state import SessionState
from gamenet.seeded_random import SeededRandom
from tests.rollback_mesh import Mesh

__all__ = ["Recording", "mutated", "recorded"]

#: Packets by their first byte.
Recording = dict[int, list[bytes]]

_NUMBERS = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\1\0")


@cache
def recorded() -> Recording:
    """What is said in matches with drops, returns, leaves, and states that differ."""
    packets: Recording = {}

    def note(sender: int, to: int, body: bytes) -> bytes:
        packets.setdefault(body[0], []).append(body)
        return body

    for settings in ({}, {"state_exchange_interval": 30}, {"sparse_saving": True}):
        mesh = Mesh(3, loss=0.1, jitter=2, **settings)
        mesh.forge = note
        mesh.run(60)
        mesh.cutLink(1, 3)
        mesh.run(5)
        mesh.dead.add(1)
        mesh.run(200)
        mesh.dead.clear()
        mesh.cut.clear()
        mesh.run(60)
        for session in mesh.sessions.values():
            if session.state is SessionState.DROPPED:
                session.rejoin(mesh.now)
        mesh.run(200)
        mesh.games[2].state = bytes(8)
        mesh.run(150)
        mesh.sessions[3].leave(mesh.now)
        mesh.run(100)
    return packets


def mutated(random: SeededRandom, body: bytes) -> bytes:
    """A packet with up to three changes: bytes, numbers, another end."""
    changed = bytearray(body)
    for _ in range(random.below(4)):
        if not changed:
            break
        place = random.below(len(changed))
        kind = random.below(10)
        if kind < 6:
            changed[place] = random.choice([0, 1, 2, 3, 127, 128, 255, random.below(256)])
        elif kind < 7:
            del changed[place:]
        elif kind < 9:
            changed += random.drawBytes(1 + random.below(8))
        else:
            changed[place : place + 4] = random.choice(_NUMBERS)
    return bytes(changed)
