"""
No (key, counter) pair is ever used twice: what keys a match is entered with, and who is
taken in.
"""

from __future__ import annotations

from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import LocalProtocolError, RemoteProtocolError
from gamenet.mesh import admission, match_keys
from gamenet.mesh.admission import HEARD_WITHIN, KEYS_LIMIT, Admission
from gamenet.mesh.match_keys import MatchKeys
from gamenet.sealing.player_keys import SEED_BYTES, PlayerKeys
from gamenet.wire.lobby_answers import MatchTicket
from gamenet.wire.lobby_values import TicketMember

MATCH = bytes(16)


def member(player: int, key: int = 0) -> TicketMember:
    """Return a player with a link key of its own, or with another one."""
    return TicketMember(
        player, bytes([player]) * 8, "p", bytes([key or player]) * 32, bytes([player]) * 32, ()
    )


def ticket(player: int = 1, match_id: bytes = MATCH) -> MatchTicket:
    """Return a ticket of two."""
    return MatchTicket(match_id, "0" * 16, player, 0, (member(1), member(2)), 8)


class Machine:
    """Gives bytes that are never the same."""

    drawn = 0

    def randomBytes(self, count: int) -> bytes:
        """Return some."""
        self.drawn += 1
        return bytes([self.drawn]) * count


class MatchKeysTests(SynchronousTestCase):
    """Which keys a match is entered with."""

    def setUp(self) -> None:
        """Make a player's keys."""
        self.keys = PlayerKeys.fromRandomBytes(bytes(SEED_BYTES))
        self.match_keys = MatchKeys(Machine(), self.keys)  # type: ignore[arg-type]

    def test_first(self) -> None:
        """The lobby's, for each match and each number once."""
        for seat in (ticket(), ticket(2), ticket(1, b"\1" * 16)):
            self.assertEqual(self.match_keys.enter(seat), (self.keys, False))

    def test_again(self) -> None:
        """From the second time on a fresh link key each time, and the same statement key."""
        self.match_keys.enter(ticket())
        seen = {self.keys.link_key}
        for _ in range(5):
            keys, returning = self.match_keys.enter(ticket())
            self.assertTrue(returning)
            self.assertNotIn(keys.link_key, seen)
            self.assertEqual(keys.statement_key, self.keys.statement_key)
            seen.add(keys.link_key)

    def test_limit(self) -> None:
        """There is a limit, which forgets nothing: beyond it nothing is entered."""
        self.patch(match_keys, "ENTRIES_LIMIT", 3)
        for number in range(3):
            self.match_keys.enter(ticket(1, bytes([number]) * 16))
        with self.assertRaises(LocalProtocolError):
            self.match_keys.enter(ticket(1, bytes([3]) * 16))
        self.assertTrue(self.match_keys.enter(ticket(1, bytes([2]) * 16))[1])


@attrs.define
class FakeLink:
    """A link on which something came so many seconds ago."""

    silence: float | None

    def report(self) -> FakeLink:
        """Return what admission looks at."""
        return self


@attrs.define
class FakeMesh:
    """Keeps who is there."""

    members: tuple[TicketMember, ...]
    links: dict[int, FakeLink] = attrs.field(factory=dict)
    added: list[tuple[int, bool]] = attrs.field(factory=list)
    bad: int = 0

    def addPeer(self, member: TicketMember, returning: bool = False) -> None:
        """Take somebody in."""
        if member.player == self.bad:
            raise RemoteProtocolError("a key that is none")
        self.added.append((member.player, returning))
        self.members = (*self.members, member)

    def removePeer(self, player: int) -> None:
        """Somebody is out."""
        self.members = tuple(each for each in self.members if each.player != player)


class AdmissionTests(SynchronousTestCase):
    """Who is taken in while a match runs."""

    def setUp(self) -> None:
        """Have two in a match; we are the first."""
        self.mesh: Any = FakeMesh(ticket().members)
        self.admission = Admission(self.mesh, ticket())

    def test_news(self) -> None:
        """Somebody new is linked with at once; the same news again changes nothing."""
        self.assertTrue(self.admission.admit(member(3)))
        self.assertFalse(self.admission.admit(member(3)))
        self.assertFalse(self.admission.admit(member(2)))
        self.assertFalse(self.admission.admit(member(1, 9)))
        self.assertEqual(self.mesh.added, [(3, False)])

    def test_otherKey(self) -> None:
        """By another key, somebody else takes the number, or the same one anew."""
        self.assertTrue(self.admission.admit(member(2, 7)))
        self.assertEqual(self.mesh.added, [(2, False)])
        self.assertEqual([each.link_key[0] for each in self.mesh.members], [1, 7])

    def test_heard(self) -> None:
        """Nobody takes the place of who is heard, whatever a lobby says (security page)."""
        link = self.mesh.links[2] = FakeLink(HEARD_WITHIN - 0.01)
        self.assertFalse(self.admission.admit(member(2, 7)))
        self.assertEqual(self.mesh.added, [])
        link.silence = HEARD_WITHIN
        self.assertTrue(self.admission.admit(member(2, 7)))
        link.silence = None
        self.assertTrue(self.admission.admit(member(2, 8)))

    def test_again(self) -> None:
        """By a number and a key that were together before: a handshake comes first."""
        self.mesh.removePeer(2)
        self.assertTrue(self.admission.admit(member(2)))
        self.admission.admit(member(2, 7))
        self.assertTrue(self.admission.admit(member(2)))
        self.assertEqual(self.mesh.added, [(2, True), (2, False), (2, True)])

    def test_otherNumber(self) -> None:
        """By another number the same key makes another link."""
        self.mesh.removePeer(2)
        self.assertTrue(self.admission.admit(member(3, 2)))
        self.assertEqual(self.mesh.added, [(3, False)])

    def test_badKey(self) -> None:
        """A key that is not usable is refused; nothing is raised."""
        self.mesh.bad = 3
        self.assertFalse(self.admission.admit(member(3)))

    def test_limit(self) -> None:
        """No more keys than a limit are taken from a lobby in one match."""
        self.patch(admission, "KEYS_LIMIT", 5)
        taken = [self.admission.admit(member(player)) for player in range(3, 20)]
        self.assertEqual(taken.count(True), 3)
        self.assertGreater(KEYS_LIMIT, 5)
