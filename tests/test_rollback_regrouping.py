"""
Empty seats that become another peer's while the match goes on.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.agreement.agreement import Agreement
from gamenet.agreement.settings import AgreementSettings
from gamenet.agreement.view import checkSeating, firstView, regrouped
from gamenet.errors import LocalProtocolError
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.settings import RollbackSettings
from tests.rollback_scene import Scene


def session(player: int, **options: object) -> RollbackSession:
    """Return one session of four seats, two of them empty."""
    chosen = {"players": 4, "vacant": (3, 4), "open_seating": True} | options
    return RollbackSession(RollbackSettings(local_player=player, **chosen))  # type: ignore


class SeatingTests(SynchronousTestCase):
    """The arithmetic."""

    def test_regrouped(self) -> None:
        """What is left of a peer stands alone."""
        seating = ((1,), (2, 3), (4,), (5,))
        self.assertEqual(regrouped(seating, (4, 5)), ((1,), (2, 3), (4, 5)))
        self.assertEqual(regrouped(seating, (3, 4)), ((1,), (2,), (3, 4), (5,)))
        self.assertEqual(regrouped(seating, (3,)), ((1,), (2,), (3,), (4,), (5,)))

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.integers(1, 8), st.integers(1, 4)), max_size=8))
    def test_alwaysASeating(self, groups: list[tuple[int, int]]) -> None:
        """Whatever is grouped, each player has one peer, in order."""
        seating = tuple((player,) for player in range(1, 12))
        for lowest, count in groups:
            group = tuple(range(lowest, lowest + count))
            seating = regrouped(seating, group)
            checkSeating(seating)
            self.assertIn(group, seating)


class AgreementTests(SynchronousTestCase):
    """The agreement takes a seating that its views allow."""

    def test_taken(self) -> None:
        """Seats that are taken are not put together, nor those that may be about to be."""
        seating = ((1,), (2,), (3,), (4,))
        agreement = Agreement(AgreementSettings(), 1, seating, firstView(seating, (4,)))
        self.assertFalse(agreement.reseat(regrouped(seating, (3, 4))))
        agreement = Agreement(AgreementSettings(), 1, seating, firstView(seating, (3, 4)))
        self.assertTrue(agreement.reseat(regrouped(seating, (3, 4))))


class SessionTests(SynchronousTestCase):
    """K3: late join of several into seats that were empty."""

    def test_whatCannotBe(self) -> None:
        """Our own seats, and a seating that is fixed, are nobody else's."""
        one = session(1)
        self.assertRaises(LocalProtocolError, one.regroup, (1, 3))
        self.assertRaises(LocalProtocolError, session(1, open_seating=False).regroup, (3, 4))
        self.assertFalse(one.regroup((2, 3)))
        self.assertEqual(one.settings.peers, ((1,), (2,), (3,), (4,)))
        self.assertTrue(one.regroup((3, 4)))
        self.assertTrue(one.regroup((3, 4)))
        self.assertEqual(one.settings.peers, ((1,), (2,), (3, 4)))
        self.assertEqual(one.settings.others, (2, 3))
        digest = session(2).settings.digest()
        self.assertEqual(one.settings.digest(), digest)

    def test_joins(self) -> None:
        """Two who play at one process take seats that stood alone, in one frame."""
        scene = Scene(4, vacant=(3, 4), open_seating=True)
        scene.run(1.0)
        for peer in (1, 2):
            self.assertTrue(scene.session(peer).regroup((3, 4)))
        scene.shared["seating"] = ((1,), (2,), (3, 4))
        scene.start(3, joining=True)
        scene.untilMembers(1, 2, 3)
        scene.played(1, 2, 3, least=200)
