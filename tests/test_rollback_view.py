"""Tests of L{gamenet.agreement.view} and L{gamenet.agreement.settings}."""

from __future__ import annotations

from itertools import combinations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.agreement.settings import AgreementSettings
from gamenet.agreement.view import (
    Seating,
    changesBetween,
    checkSeating,
    faultOf,
    faultOfSuccession,
    firstView,
    isQuorum,
    playersOf,
)
from gamenet.errors import BadSetting
from gamenet.wire.view_values import Seat, View

FOUR: Seating = ((1,), (2,), (3,), (4,))
PAIRS: Seating = ((1, 2), (3,), (4, 5, 6))


class QuorumTests(SynchronousTestCase):
    """Who may decide."""

    def test_exactHalf(self) -> None:
        """ "Players come and go": at exactly half, the side with the lowest seated player."""
        view = firstView(FOUR)
        self.assertTrue(isQuorum(view, FOUR, (1, 2), False))
        self.assertTrue(isQuorum(view, FOUR, (1, 4), False))
        self.assertFalse(isQuorum(view, FOUR, (3, 4), False))
        self.assertFalse(isQuorum(view, FOUR, (1,), False))
        self.assertTrue(isQuorum(view, FOUR, (2, 3, 4), False))

    def test_lowestSeated(self) -> None:
        """Where player 1 is gone, the lowest is another; who is no member does not count."""
        view = View(1, (2, 3), (Seat(False, 9), Seat(True, 0), Seat(True, 0), Seat(False, 0)))
        self.assertTrue(isQuorum(view, FOUR, (2,), False))
        self.assertFalse(isQuorum(view, FOUR, (3,), False))
        self.assertFalse(isQuorum(view, FOUR, (1, 3, 4), False))
        self.assertFalse(isQuorum(view, FOUR, (1, 4), False))

    def test_playersCount(self) -> None:
        """More than half of the players, not of the peers."""
        view = firstView(PAIRS)
        self.assertTrue(isQuorum(view, PAIRS, (1, 3), False))
        self.assertFalse(isQuorum(view, PAIRS, (4,), False))
        self.assertTrue(isQuorum(view, PAIRS, (3, 4), False))
        self.assertFalse(isQuorum(view, PAIRS, (1,), False))

    def test_bothStop(self) -> None:
        """A 1 v 1 game may choose that both stop; nothing else may."""
        seating = ((1,), (2,))
        view = firstView(seating)
        self.assertTrue(isQuorum(view, seating, (1,), False))
        self.assertFalse(isQuorum(view, seating, (2,), False))
        self.assertFalse(isQuorum(view, seating, (1,), True))
        self.assertTrue(isQuorum(view, seating, (1, 2), True))
        self.assertTrue(isQuorum(firstView(FOUR), FOUR, (1, 2), True))
        last_two = View(1, (2, 3), (Seat(False, 9), Seat(True, 0), Seat(True, 0), Seat(False, 0)))
        self.assertFalse(isQuorum(last_two, FOUR, (2,), True))
        for unequal in (((1, 2), (3,)), ((1, 2, 3), (4,))):
            self.assertTrue(isQuorum(firstView(unequal), unequal, (1,), True))

    def test_anyTwoMeet(self) -> None:
        """Any two quorums of a view have a member in common, whatever the seating."""
        for seating in (FOUR, PAIRS, ((1,), (2,)), ((1,), (2, 3), (4,), (5, 6), (7,))):
            for both_stop in (False, True):
                view = firstView(seating)
                quorums = [
                    set(peers)
                    for count in range(len(view.members) + 1)
                    for peers in combinations(view.members, count)
                    if isQuorum(view, seating, peers, both_stop)
                ]
                self.assertIn(set(view.members), quorums)
                self.assertTrue(all(one & other for one in quorums for other in quorums))


class SuccessionTests(SynchronousTestCase):
    """What may follow what."""

    def setUp(self) -> None:
        self.seats = [Seat(True, 0), Seat(True, 50), Seat(False, 20), Seat(False, 30)]
        self.view = View(3, (1, 2), tuple(self.seats))

    def fault(self, members: tuple[int, ...], number: int = 4, **seats: Seat) -> str | None:
        """Return what is wrong with a view that differs in those seats."""
        changed = list(self.seats)
        for name, seat in seats.items():
            changed[int(name[1:]) - 1] = seat
        return faultOfSuccession(self.view, View(number, members, tuple(changed)), FOUR)

    def test_fits(self) -> None:
        """Nothing changes, one is dropped, one joins, both, and a cut is lowered."""
        self.assertIsNone(self.fault((1, 2)))
        self.assertIsNone(self.fault((1,), p2=Seat(False, 50)))
        self.assertIsNone(self.fault((1, 2, 3), p3=Seat(True, 21)))
        self.assertIsNone(self.fault((1, 3), p2=Seat(False, 99), p3=Seat(True, 99)))
        self.assertIsNone(self.fault((1, 2), p3=Seat(False, 19)))

    def test_doesNotFit(self) -> None:
        """Each rule, broken by itself."""
        self.assertIn("after view", self.fault((1, 2), 5) or "")
        self.assertIn("after view", self.fault((1, 2), 3) or "")
        self.assertIn("cannot become", self.fault((1,), p2=Seat(False, 49)) or "")
        self.assertIn("cannot become", self.fault((1, 2), p2=Seat(True, 51)) or "")
        self.assertIn("cannot become", self.fault((1, 2), p3=Seat(False, 21)) or "")
        self.assertIn("cannot become", self.fault((1, 2, 3), p3=Seat(True, 20)) or "")
        self.assertIn("half of", self.fault((1, 2, 3)) or "")
        self.assertIn("half of", self.fault((1,)) or "")
        both = {"p3": Seat(True, 60), "p4": Seat(True, 60)}
        self.assertIn("at once", self.fault((1, 2, 3, 4), **both) or "")
        gone = {"p1": Seat(False, 60), "p2": Seat(False, 60), "p3": Seat(True, 60)}
        self.assertIn("nobody stays", self.fault((3,), **gone) or "")

    def test_jointEntry(self) -> None:
        """The players of one peer come in the same frame."""
        view = firstView(PAIRS, (4,))
        seats = (*view.seats[:3], Seat(True, 9), Seat(True, 9), Seat(True, 9))
        self.assertIsNone(faultOfSuccession(view, View(1, (1, 3, 4), seats), PAIRS))
        seats = (*view.seats[:3], Seat(True, 9), Seat(True, 8), Seat(True, 9))
        fault = faultOfSuccession(view, View(1, (1, 3, 4), seats), PAIRS)
        self.assertIn("different frames", fault or "")

    def test_impossible(self) -> None:
        """Views that fit no match with the seating."""
        self.assertIn("players", faultOf(View(1, (1,), (Seat(True, 0),)), FOUR) or "")
        seats = (Seat(True, 0),) * 6
        self.assertIn("do not exist", faultOf(View(1, (1, 2, 3, 4), seats), PAIRS) or "")
        self.assertIn("half of", faultOf(View(1, (1, 3), seats), PAIRS) or "")
        self.assertIsNone(faultOf(View(1, (1, 3, 4), seats), PAIRS))
        for players in ((4,), (5, 6)):
            half = [Seat(player not in players, 0) for player in range(1, 7)]
            for members in ((1, 3), (1, 3, 4)):
                self.assertIn("half of peer 4", faultOf(View(1, members, tuple(half)), PAIRS) or "")

    def test_changes(self) -> None:
        """What is told of a change: who is gone from where on, who is there from where on."""
        after = View(4, (1, 3), (Seat(True, 0), Seat(False, 60), Seat(True, 70), Seat(False, 25)))
        self.assertEqual(changesBetween(self.view, after), (((2, 60), (4, 25)), ((3, 70),)))
        self.assertEqual(changesBetween(self.view, self.view), ((), ()))


class SeatingTests(SynchronousTestCase):
    """Who plays where."""

    def test_firstView(self) -> None:
        """All are there from frame 0, but for the vacant."""
        view = firstView(PAIRS, (3,))
        self.assertEqual(view.number, 0)
        self.assertEqual(view.members, (1, 4))
        self.assertEqual([seat.taken for seat in view.seats], [True, True, False, True, True, True])
        self.assertEqual(playersOf(PAIRS, 4), (4, 5, 6))
        self.assertEqual(playersOf(PAIRS, 5), ())

    def test_badSeating(self) -> None:
        """Players missing, doubled, out of order, too many."""
        checkSeating(PAIRS)
        checkSeating(((1, 3), (2, 4)))
        checkSeating(tuple((player,) for player in range(1, 17)))
        for seating in (
            (),
            ((1,), ()),
            ((), (1,)),
            ((1,), (3, 2)),
            ((1,), (3,)),
            ((1,), (1, 2)),
            ((2,), (1,)),
            ((2, 1),),
            tuple((player,) for player in range(1, 18)),
        ):
            self.assertRaises(BadSetting, checkSeating, seating)

    def test_settings(self) -> None:
        """Each duration is bounded."""
        for field in attrs.fields(AgreementSettings):
            if field.name == "both_stop":
                continue
            for value in (0, -1.0, float("nan"), 4000.0, "1", None):
                self.assertRaises(BadSetting, AgreementSettings, **{field.name: value})
        self.assertRaises(BadSetting, AgreementSettings, both_stop=1)
