"""
Who is believed when players say that somebody has come: every kind of speaker with every
kind of newcomer.
"""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.mesh.introductions import (
    INTRODUCED_LIMIT,
    PENDING_LIMIT,
    SOUGHT_FOR,
    SOUGHT_LIMIT,
    WORD_LIMIT,
    Introductions,
)
from gamenet.mesh.mesh_peer import MeshPeer
from gamenet.wire.lobby_values import HOST, Candidate, TicketMember
from gamenet.wire.mesh_messages import Introduction

__all__ = ["memberOf"]


class TableTests(SynchronousTestCase):
    """Every kind of speaker with every kind of newcomer, and the limits."""

    def setUp(self) -> None:
        self.peers = {number: _Peer(memberOf(number)) for number in (1, 3, 4)}
        self.told: list[tuple[int, TicketMember]] = []
        self.taken: list[TicketMember] = []
        self.room = True
        self.now = 0.0
        self.waits: list[float] = []
        self.table = self.make()

    def make(self, ours: int = 2) -> Introductions:
        """Return the table of a player."""
        return Introductions(
            memberOf(ours),
            self.peers,  # type: ignore[arg-type]
            self.tell,  # type: ignore[arg-type]
            self.take,
            lambda: self.now,
            self.waits.append,
        )

    def tell(self, peer: MeshPeer, message: Introduction) -> bool:
        """Note what is told."""
        if self.room:
            self.told.append((peer.player, message.member))
        return self.room

    def take(self, member: TicketMember) -> None:
        """Add somebody, as an owner does."""
        self.taken.append(member)
        if member.player in self.peers:
            del self.peers[member.player]
            self.table.removed(member.player)
        self.peers[member.player] = _Peer(member, reached=False)
        self.table.added(member.player)

    def reach(self, number: int) -> None:
        """Have a path to somebody."""
        self.peers[number].reached = True
        self.table.update(self.peers[number])  # type: ignore[arg-type]

    def test_whoIsBelieved(self) -> None:
        """H11: the introducer, and nobody else; the introducer itself believes anybody."""
        for introducer, speaker, believed in (
            (0, 1, True), (0, 3, False), (1, 1, True), (1, 4, False), (3, 1, False),
            (3, 3, True), (2, 1, True), (2, 4, True), (9, 1, False),
        ):
            self.setUp()
            self.table.introducer = introducer
            self.table.received(self.peers[speaker], memberOf(7))  # type: ignore[arg-type]
            self.assertEqual([each.player for each in self.taken], [7] if believed else [])

    def test_lowestReached(self) -> None:
        """While no host is known the lowest that is reached counts, not one that is silent."""
        self.table = self.make(5)
        for number, word in ((4, 8), (3, 7), (1, 6)):
            self.table.received(self.peers[number], memberOf(word))  # type: ignore[arg-type]
        self.assertEqual(self.taken, [memberOf(6)])
        self.peers[1].reached = False
        self.table.believe()
        self.assertEqual(self.taken, [memberOf(6), memberOf(7)])
        self.peers[3].reached = self.peers[4].reached = False
        self.table.believe()
        self.assertEqual(self.taken, [memberOf(6), memberOf(7), memberOf(8)])

    def test_whoIsTaken(self) -> None:
        """Of the introducer's words those that name a new number, with keys of nobody else."""
        three = self.peers[3].member
        for member, taken, refused in (
            (memberOf(7), 1, 0),
            (three, 0, 0),
            (attrs.evolve(memberOf(7), player=3), 0, 0),
            (attrs.evolve(three, player=7), 0, 1),
            (attrs.evolve(memberOf(7), link_key=three.link_key), 0, 1),
            (attrs.evolve(memberOf(7), statement_key=three.statement_key), 0, 1),
            (attrs.evolve(memberOf(2), player=7), 0, 1),
            (attrs.evolve(memberOf(7), player=2), 0, 1),
            (attrs.evolve(memberOf(7), player=1), 0, 1),
        ):
            self.setUp()
            self.table.received(self.peers[1], member)  # type: ignore[arg-type]
            self.assertEqual((len(self.taken), self.table.refused), (taken, refused), member)

    def test_outFirst(self) -> None:
        """A player of the ticket is replaced when it is out, and not by who was it before."""
        other = attrs.evolve(memberOf(9), player=3)
        self.table.received(self.peers[1], other)  # type: ignore[arg-type]
        self.table.believe()
        self.assertEqual(self.taken, [])
        del self.peers[3]
        self.table.removed(3)
        self.assertEqual(self.waits, [0.0])
        self.table.believe()
        self.assertEqual(self.taken, [other])

    def test_sameKeyAgain(self) -> None:
        """One key of two makes nobody the player who is there, nor who was."""
        three = self.peers[3].member
        for change in ({"link_key": bytes(32)}, {"statement_key": bytes(32)}):
            self.setUp()
            other = attrs.evolve(three, **change)  # type: ignore[arg-type]
            self.table.received(self.peers[1], other)  # type: ignore[arg-type]
            self.assertEqual(self.taken, [])
            del self.peers[3]
            self.table.removed(3)
            self.table.believe()
            self.assertEqual(self.taken, [other])

    def test_neverThere(self) -> None:
        """Who was introduced and never reached gives way to another; who was reached stays."""
        self.table.received(self.peers[1], memberOf(7))  # type: ignore[arg-type]
        other = attrs.evolve(memberOf(8), player=7)
        self.table.received(self.peers[1], other)  # type: ignore[arg-type]
        self.assertEqual(self.taken, [memberOf(7), other])
        self.reach(7)
        third = attrs.evolve(memberOf(9), player=7)
        self.table.received(self.peers[1], third)  # type: ignore[arg-type]
        self.assertEqual(len(self.taken), 2)

    def test_notWanted(self) -> None:
        """Whom the owner does not add is not offered again for the same word."""
        self.table._introduce = self.taken.append
        self.table.received(self.peers[1], memberOf(7))  # type: ignore[arg-type]
        self.table.believe()
        self.assertEqual(self.taken, [memberOf(7)])

    def test_pendingLimit(self) -> None:
        """Limit: of what a player says who does not count only so much is remembered."""
        speaker = self.peers[4]
        for number in range(5, 5 + PENDING_LIMIT + 3):
            self.table.received(speaker, memberOf(number))  # type: ignore[arg-type]
        self.assertEqual(self.table.refused, 3)
        self.table.received(speaker, attrs.evolve(memberOf(40), player=5))  # type: ignore[arg-type]
        self.assertEqual(self.table.refused, 3)
        self.table.introducer = 4
        for number in range(5, 5 + PENDING_LIMIT):
            self.table.believe()
            self.reach(number)
        self.assertEqual(len(self.taken), PENDING_LIMIT)
        self.assertEqual(self.taken[0].name, "player 40")

    def test_soughtLimit(self) -> None:
        """
        H11, limit: of those whom one player has named three are looked for at a time: the
        next is taken when one is reached, or after twenty seconds.
        """
        for number in range(10, 18):
            self.table.received(self.peers[1], memberOf(number))  # type: ignore[arg-type]
        self.assertEqual(len(self.taken), SOUGHT_LIMIT)
        self.assertEqual(self.waits[-1], SOUGHT_FOR)
        self.reach(11)
        self.assertEqual(self.waits[-1], 0.0)
        self.table.believe()
        self.assertEqual(len(self.taken), SOUGHT_LIMIT + 1)
        self.now = 4.0
        self.table.believe()
        self.assertEqual(len(self.taken), SOUGHT_LIMIT + 1)
        self.assertEqual(self.waits[-1], SOUGHT_FOR - 4.0)
        self.now = SOUGHT_FOR
        self.table.believe()
        self.assertEqual(len(self.taken), 2 * SOUGHT_LIMIT + 1)
        self.table.introducer = 2
        self.table.received(self.peers[3], memberOf(30))  # type: ignore[arg-type]
        self.assertEqual(self.taken[-1], memberOf(30), "another speaker has a turn of its own")

    def test_introducedLimit(self) -> None:
        """Limit: the introducer itself names no more than so many in a match."""
        for number in range(INTRODUCED_LIMIT + 2):
            member = attrs.evolve(memberOf(100 + number), player=7)
            self.table.received(self.peers[1], member)  # type: ignore[arg-type]
            self.now += SOUGHT_FOR
            self.table.believe()
        self.assertEqual(len(self.taken), INTRODUCED_LIMIT)
        self.assertEqual((self.table.introduced, self.table.refused), (INTRODUCED_LIMIT, 2))
        self.table.introducer = 3
        self.table.received(self.peers[3], memberOf(8))  # type: ignore[arg-type]
        self.assertEqual(len(self.taken), INTRODUCED_LIMIT, "nor another introducer")

    def test_wordLimit(self) -> None:
        """Limit: where we are the introducer, of one player's word only a few; others count on."""
        self.table.introducer = 2
        for number in range(WORD_LIMIT + 2):
            self.table.received(self.peers[4], memberOf(10 + number))  # type: ignore[arg-type]
            if number < WORD_LIMIT:
                self.reach(10 + number)
        self.assertEqual(len(self.taken), WORD_LIMIT)
        self.table.received(self.peers[3], memberOf(30))  # type: ignore[arg-type]
        self.assertEqual(len(self.taken), WORD_LIMIT + 1)

    def test_moved(self) -> None:
        """Where a newcomer is now is learned also before whoever says so counts."""
        there = (Candidate(HOST, ("192.0.2.1", 9)),)
        self.table.received(self.peers[4], memberOf(7))  # type: ignore[arg-type]
        self.table.moved(self.peers[4], 7, there)  # type: ignore[arg-type]
        self.table.moved(self.peers[3], 7, ())  # type: ignore[arg-type]
        self.table.introducer = 4
        self.table.believe()
        self.assertEqual(self.taken, [attrs.evolve(memberOf(7), candidates=there)])

    def test_told(self) -> None:
        """Everybody whom we reach is told once of who came, and again when it knows nothing."""
        self.peers[3].reached = False
        self.peers[7] = _Peer(memberOf(7))
        self.table.added(7)
        self.assertEqual(self.told, [(1, memberOf(7)), (4, memberOf(7))])
        for number in (1, 3, 4, 7):
            self.table.update(self.peers[number])  # type: ignore[arg-type]
        self.assertEqual(len(self.told), 2)
        self.peers[3].reached = True
        self.table.update(self.peers[3])  # type: ignore[arg-type]
        self.table.forget(4)
        self.table.update(self.peers[4])  # type: ignore[arg-type]
        self.assertEqual([player for player, _ in self.told[2:]], [3, 4])

    def test_noRoom(self) -> None:
        """What there was no room for is told later; who is out, no more."""
        self.room = False
        self.peers[7] = _Peer(memberOf(7))
        self.table.added(7)
        self.room = True
        self.table.update(self.peers[1])  # type: ignore[arg-type]
        self.assertEqual(self.told, [(1, memberOf(7))])
        del self.peers[7]
        self.table.removed(7)
        self.table.update(self.peers[4])  # type: ignore[arg-type]
        self.assertEqual(len(self.told), 1)
        other = attrs.evolve(memberOf(9), player=7)
        self.peers[7] = _Peer(other)
        self.table.added(7)
        self.assertEqual([who for who, member in self.told[1:] if member == other], [1, 3, 4])


@attrs.define(eq=False)
class _Peer:
    """A player of a mesh, as far as these tables look at it."""

    member: TicketMember
    reached: bool = True

    @property
    def player(self) -> int:
        """The player's number."""
        return self.member.player


def memberOf(number: int) -> TicketMember:
    """Return a player with keys of its own."""
    key = number.to_bytes(8, "big") * 4
    return TicketMember(
        number, number.to_bytes(8, "big"), f"player {number}", key, bytes([1]) + key[1:], ()
    )
