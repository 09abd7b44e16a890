"""Tests of L{gamenet.polled.mailbox}."""

from __future__ import annotations

from threading import Thread

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.polled.mailbox import Mailbox


class MailboxTests(SynchronousTestCase):
    """Seed row K6: queue sizes are settings; overflow is no silent loss."""

    def test_inOrder(self) -> None:
        """What was posted is taken in order, at most as much as was asked for."""
        mailbox: Mailbox[int] = Mailbox(4)
        self.assertEqual([mailbox.post(number) for number in range(4)], [True] * 4)
        self.assertEqual((mailbox.take(3), len(mailbox)), ([0, 1, 2], 1))
        self.assertEqual((mailbox.take(3), len(mailbox), mailbox.refused), ([3], 0, 0))
        self.assertEqual((mailbox.take(1), mailbox.take(0)), ([], []))

    def test_full(self) -> None:
        """What finds no room is refused and counted; what waits stays as it is."""
        mailbox: Mailbox[int] = Mailbox(2)
        self.assertEqual([mailbox.post(number) for number in range(4)], [True, True, False, False])
        self.assertEqual(mailbox.refused, 2)
        self.assertEqual(mailbox.take(9), [0, 1])
        self.assertTrue(mailbox.post(4))

    def test_insist(self) -> None:
        """What is told but once finds room in a full mailbox, and takes nobody else's."""
        mailbox: Mailbox[int] = Mailbox(1)
        mailbox.insist(0)
        self.assertTrue(mailbox.post(1))
        mailbox.insist(2)
        self.assertFalse(mailbox.post(3))
        self.assertEqual(mailbox.take(9), [0, 1, 2])

    @settings(deadline=None)
    @given(
        st.integers(1, 5),
        st.lists(st.one_of(st.just("post"), st.just("insist"), st.integers(0, 4)), max_size=60),
    )
    def test_model(self, limit: int, steps: list[object]) -> None:
        """Whatever is done in whatever order, it is a list with a limit."""
        mailbox: Mailbox[int] = Mailbox(limit)
        model: list[tuple[int, bool]] = []
        refused = 0
        for number, step in enumerate(steps):
            if step == "post":
                room = sum(posted for _, posted in model) < limit
                self.assertEqual(mailbox.post(number), room)
                refused += not room
                model += [(number, True)] * room
            elif step == "insist":
                mailbox.insist(number)
                model.append((number, False))
            else:
                assert isinstance(step, int)
                self.assertEqual(mailbox.take(step), [item for item, _ in model[:step]])
                del model[:step]
            self.assertEqual((len(mailbox), mailbox.refused), (len(model), refused))

    def test_twoThreads(self) -> None:
        """One thread posts, another takes: each item that found room comes once, in order."""
        mailbox: Mailbox[int] = Mailbox(16)
        posted: list[int] = []

        def post() -> None:
            for number in range(50_000):
                if mailbox.post(number):
                    posted.append(number)
            mailbox.insist(-1)

        thread = Thread(target=post)
        thread.start()
        taken: list[int] = []
        while not taken or taken[-1] != -1:
            taken += mailbox.take(5)
        thread.join()
        self.assertEqual(taken, [*posted, -1])
        self.assertEqual(len(posted) + mailbox.refused, 50_000)
