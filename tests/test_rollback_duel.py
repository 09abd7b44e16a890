"""Two rollback sessions over a bad link: both must play the same match."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.rollback.events import Desynchronized, FrameConfirmed
from gamenet.rollback.input_queue import CAPACITY
from gamenet.rollback.session_state import SessionState
from gamenet.rollback.settings import RollbackSettings
from gamenet.seeded_random import SeededRandom
from tests.rollback_pipe import Duel, Link, pressed

SEEDS = 200
LAST_FRAME = 179


def settings(**changes: int) -> tuple[RollbackSettings, RollbackSettings]:
    """The same settings for both players."""
    chosen = {"last_frame": LAST_FRAME, "checksum_interval": 10} | changes
    return (
        RollbackSettings(**chosen, local_player=1),
        RollbackSettings(**chosen, local_player=2),
    )


def anyDuel(seed: int) -> Duel:
    """A match in which settings and link are drawn from a seed; the players' settings differ."""
    random = SeededRandom.fromLabel(seed, "duel")
    interval = random.choice([1, 7, 30])
    both = [
        RollbackSettings(
            local_player=player,
            prediction_window=random.between(1, 12),
            input_delay=random.below(4),
            checksum_interval=interval,
            last_frame=LAST_FRAME,
        )
        for player in (1, 2)
    ]
    link = Link(
        loss=random.unit() * 0.3,
        repeat=random.unit() * 0.2,
        latency=0.3 + random.unit() * 6,
        jitter=random.unit() * 8,
        blackout=random.choice([(0, 0), (60, 30), (100, 50)]),
        pause=random.choice([(0, 0, 0), (1, 40, 9), (2, 120, 25)]),
    )
    return Duel((both[0], both[1]), link, seed)


class WorldTests(SynchronousTestCase):
    """Many seeds of loss, delay, reordering, repetition, blackouts and pauses."""

    def test_seeds(self) -> None:
        """
        Both confirm every frame with the same inputs and checksums, whatever
        the link does; and the link did everything.
        """
        totals = dict.fromkeys(
            (
                "rollbacks",
                "stalls",
                "frames_resimulated",
                "packets_repeated",
                "lost",
                "repeated",
                "reordered",
                "blackouts",
                "pauses",
            ),
            0,
        )
        for seed in range(SEEDS):
            duel = anyDuel(seed)
            self.assertTrue(duel.runUntilFinished(3000), f"seed {seed} did not finish")
            one, two = duel.players[1], duel.players[2]
            self.assertEqual([event.frame for event in one.confirmed], list(range(LAST_FRAME + 1)))
            self.assertEqual(one.confirmed, two.confirmed, f"seed {seed}")
            self.assertEqual(one.differences + two.differences, [], f"seed {seed}")
            for number, player in duel.players.items():
                session = player.session
                self.assertIs(session.state, SessionState.FINISHED)
                self.assertEqual(session.statistics.packets_refused, 0, f"seed {seed}")
                self.assertEqual(session.statistics.frames_played, LAST_FRAME + 1)
                self.assertLessEqual(
                    session.statistics.deepest_rollback, session.settings.prediction_window
                )
                self.assertGreaterEqual(session.remote(3 - number).checksums.compared_frame, 150)
                for name in totals:
                    totals[name] += getattr(session.statistics, name, 0)
            for name, count in duel.link.counters.items():
                if name in totals:
                    totals[name] += count
        for name, count in totals.items():
            self.assertGreater(count, SEEDS, name)

    def test_theScriptsReachTheGame(self) -> None:
        """What is confirmed is what the players pressed, from their delay on."""
        duel = anyDuel(3)
        self.assertTrue(duel.runUntilFinished(3000))
        delays = [player.session.settings.input_delay for player in duel.players.values()]
        for event in duel.players[1].confirmed:
            expected = tuple(
                pressed(3, player, event.frame) if event.frame >= delays[player - 1] else b""
                for player in (1, 2)
            )
            self.assertEqual(event.inputs, expected)

    def test_again(self) -> None:
        """The same seed gives the same match to the last byte and counter."""
        first, second = anyDuel(11), anyDuel(11)
        for duel in (first, second):
            duel.runUntilFinished(3000)
        for number in (1, 2):
            one, two = first.players[number], second.players[number]
            self.assertEqual(one.confirmed, two.confirmed)
            self.assertEqual(one.session.statistics, two.session.statistics)
        self.assertEqual(first.link.counters, second.link.counters)

    def test_endless(self) -> None:
        """Without a last frame a match of two minutes keeps only bounded tables."""
        link = Link(loss=0.1, latency=2.0, jitter=3.0)
        both = tuple(attrs.evolve(each, last_frame=None) for each in settings())
        duel = Duel((both[0], both[1]), link, 5)
        duel.run(7200)
        for number, player in duel.players.items():
            session = player.session
            self.assertGreater(session.confirmed_frame, 7100)
            self.assertIs(session.state, SessionState.RUNNING)
            self.assertLess(len(session._exchange.local.blobs.inputs), CAPACITY)
            self.assertLess(len(session.remote(3 - number).blobs.inputs), CAPACITY)
            self.assertLess(len(session.remote(3 - number).checksums._own), 10)
        one, two = duel.players[1].confirmed, duel.players[2].confirmed
        both_confirmed = min(len(one), len(two))
        self.assertEqual(one[:both_confirmed], two[:both_confirmed])


class MetamorphicTests(SynchronousTestCase):
    """What must not change the confirmed states does not."""

    def confirmed(
        self, link: Link, seed: int, both: tuple[RollbackSettings, RollbackSettings]
    ) -> list[FrameConfirmed]:
        """The frames of a match in which nothing is pressed before frame 6."""
        duel = Duel(both, link, seed, self.script)
        self.assertTrue(duel.runUntilFinished(4000))
        self.assertEqual(duel.players[1].confirmed, duel.players[2].confirmed)
        return duel.players[1].confirmed

    def reference(self) -> list[FrameConfirmed]:
        """A match over a link without fault."""
        return self.confirmed(Link(latency=0.4), 1, settings())

    def test_window(self) -> None:
        """The prediction window changes nothing, lockstep included."""
        for window in (0, 1, 2, 5, 8, 32):
            for link in (Link(latency=0.4), Link(latency=3.0, jitter=4.0, loss=0.2)):
                both = settings(prediction_window=window)
                self.assertEqual(self.confirmed(link, 2, both), self.reference(), window)

    def test_delays(self) -> None:
        """Who has how much of the input delay changes nothing."""
        for first, second in ((0, 0), (0, 6), (6, 0), (3, 3), (2, 5)):
            one, two = settings()
            both = (attrs.evolve(one, input_delay=first), attrs.evolve(two, input_delay=second))
            link = Link(latency=3.0, jitter=4.0, loss=0.1)
            self.assertEqual(self.confirmed(link, 3, both), self.reference(), (first, second))

    def test_packetOrder(self) -> None:
        """Loss, repetition and the order of packets change nothing."""
        for seed in range(20):
            link = Link(latency=1.0, jitter=10.0, loss=0.2, repeat=0.3)
            self.assertEqual(self.confirmed(link, seed, settings()), self.reference(), seed)
            self.assertGreater(link.counters["reordered"], 20)

    def test_interval(self) -> None:
        """How often checksums are compared changes nothing."""
        for interval in (1, 3, 3600):
            both = settings(checksum_interval=interval)
            self.assertEqual(self.confirmed(Link(latency=2.0), 4, both), self.reference())

    def test_sendInterval(self) -> None:
        """How often packets go out changes nothing."""
        for first, second in ((1, 1), (1, 4), (2, 3), (4, 4)):
            one, two = settings()
            both = (attrs.evolve(one, send_interval=first), attrs.evolve(two, send_interval=second))
            link = Link(latency=1.0, jitter=3.0, loss=0.1)
            self.assertEqual(self.confirmed(link, 5, both), self.reference(), (first, second))

    def test_sparse(self) -> None:
        """
        Saving seldom, on one side or both, changes no input and no checksum that is
        taken; on both sides every reported frame was compared.
        """
        expected = self.reference()
        for first, second in ((True, True), (True, False), (False, True)):
            for window in (0, 1, 4, 8):
                one, two = settings(prediction_window=window)
                both = (
                    attrs.evolve(one, sparse_saving=first),
                    attrs.evolve(two, sparse_saving=second),
                )
                duel = Duel(both, Link(latency=3.0, jitter=4.0, loss=0.1), 6, self.script)
                self.assertTrue(duel.runUntilFinished(6000))
                for player in duel.players.values():
                    self.assertEqual(player.differences, [])
                    sparse = player.session.settings.sparse_saving
                    for event, known in zip(player.confirmed, expected, strict=True):
                        self.assertEqual((event.frame, event.inputs), (known.frame, known.inputs))
                        if sparse and (event.frame + 1) % 10:
                            self.assertIsNone(event.checksum)
                        else:
                            self.assertEqual(event.checksum, known.checksum)

    def script(self, player: int, frame: int) -> bytes:
        """Nothing is pressed before frame 6."""
        return pressed(1, player, frame) if frame >= 6 else b""

    def test_scriptMatters(self) -> None:
        """Another script gives another match: the comparison can fail."""
        duel = Duel(settings(), Link(latency=0.4), 1, lambda player, frame: b"")
        duel.runUntilFinished(4000)
        self.assertNotEqual(duel.players[1].confirmed[-1].checksum, self.reference()[-1].checksum)


class DesyncTests(SynchronousTestCase):
    """One player's state goes wrong."""

    def corrupted(self, frame: int, **changes: int) -> Duel:
        """A match in which player 2's state is corrupted at a frame."""
        duel = Duel(settings(last_frame=399, **changes), Link(latency=2.0, jitter=2.0, loss=0.1), 6)
        duel.players[2].game.corrupt_at = frame
        self.assertTrue(duel.runUntilFinished(4000))
        return duel

    def test_mirrored(self) -> None:
        """
        Corrupted at frame 110, compared every 100: each side says so once for
        frame 199, with mirrored checksums (GGRS: desync scenario).
        """
        duel = self.corrupted(110, checksum_interval=100)
        one, two = duel.players[1].differences, duel.players[2].differences
        self.assertEqual([event.frame for event in one], [199, 299, 399])
        self.assertEqual([event.first for event in one], [True, False, False])
        self.assertEqual([Desynchronized(e.frame, e.remote, e.local, 1, e.first) for e in one], two)
        for event in one:
            self.assertEqual(event.player, 2)
            self.assertEqual(event.local, duel.players[1].confirmed[event.frame].checksum)
            self.assertEqual(event.remote, duel.players[2].confirmed[event.frame].checksum)
        self.assertEqual(duel.players[1].session.statistics.desynchronizations, 3)

    def test_exactFrame(self) -> None:
        """Compared at every frame over a link that loses nothing, the first frame is exact."""
        duel = Duel(settings(checksum_interval=1), Link(latency=2.0), 6)
        duel.players[1].game.corrupt_at = 77
        self.assertTrue(duel.runUntilFinished(4000))
        for player in duel.players.values():
            first, *others = player.differences
            self.assertEqual((first.frame, first.first), (77, True))
            self.assertFalse(any(event.first for event in others))

    def test_lastFrame(self) -> None:
        """The last frame is compared whatever the interval."""
        duel = self.corrupted(399, checksum_interval=1000)
        self.assertEqual([event.frame for event in duel.players[1].differences], [399])

    def test_healthy(self) -> None:
        """The same match uncorrupted is compared as often, without a difference."""
        duel = self.corrupted(10_000, checksum_interval=100)
        for number, player in duel.players.items():
            self.assertEqual(player.differences, [])
            self.assertEqual(player.session.remote(3 - number).checksums.compared_frame, 399)
