"""Settings of sealing: defaults, bounds, and what contradicts itself."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.sealing.cookies import COOKIE_SEED_BYTES, Cookies
from gamenet.sealing.replay_window import REPLAY_WINDOW, ReplayWindow
from gamenet.sealing.sealed_link import RENEWAL_PACKETS
from gamenet.sealing.settings import SealingSettings


class SettingsTests(SynchronousTestCase):
    """Every limit is a setting with a default and bounds."""

    def test_defaults(self) -> None:
        """What holds if nobody says anything."""
        self.assertEqual(
            attrs.asdict(SealingSettings()),
            {
                "renewal_interval": 600.0,
                "renewal_packets": RENEWAL_PACKETS,
                "cookie_lifetime": 10.0,
                "proofs_per_second": 10,
                "proofs_burst": 20,
                "first_retry": 0.2,
                "longest_retry": 2.0,
                "confirmed_within": 3.0,
                "answers_per_hello": 32,
            },
        )

    def test_bounds(self) -> None:
        """Each value out of its bounds is refused by the setting's name."""
        for name, low, high in (
            ("renewal_interval", 1.0, 86_400.0),
            ("renewal_packets", 1, 1 << 30),
            ("cookie_lifetime", 1.0, 60.0),
            ("proofs_per_second", 1, 1000),
            ("proofs_burst", 1, 1000),
            ("first_retry", 0.01, 10.0),
            ("longest_retry", 0.01, 60.0),
            ("confirmed_within", 0.1, 60.0),
            ("answers_per_hello", 2, 1000),
        ):
            whole = isinstance(low, int)
            rest = {"longest_retry": 10.0} if name == "first_retry" else {}
            rest = {"first_retry": 0.01} if name == "longest_retry" else rest
            for value in (low, high):
                SealingSettings(**{**rest, name: value})
            step = 1 if whole else 0.005
            for value in (low - step, high + step, "10", None, float("nan"), True):
                with self.assertRaises(BadSetting) as raised:
                    SealingSettings(**{**rest, name: value})
                self.assertIn(name, str(raised.exception))

    def test_retries(self) -> None:
        """The first interval is not longer than the longest."""
        SealingSettings(first_retry=2.0, longest_retry=2.0)
        self.assertRaises(BadSetting, SealingSettings, first_retry=2.1, longest_retry=2.0)

    def test_seeds(self) -> None:
        """A cookie's secret has 32 bytes."""
        for size in (0, 31, 33):
            self.assertRaises(ValueError, Cookies, bytes(size), 10.0)
        self.assertEqual(COOKIE_SEED_BYTES, 32)
        one, two = Cookies(bytes(32), 10.0), Cookies(b"\x01" * 32, 10.0)
        baked = one.bake(("a", 1), b"x", 0.0)
        self.assertTrue(one.isGood(baked, ("a", 1), b"x", 0.0))
        self.assertFalse(two.isGood(baked, ("a", 1), b"x", 0.0))
        for source, said in ((("a", 1), b"y"), (("b", 1), b"x"), (("a", 2), b"x")):
            self.assertFalse(one.isGood(baked, source, said, 0.0))
        self.assertFalse(one.isGood(b"", ("a", 1), b"x", 0.0))
        self.assertEqual(len(baked), 16)


class ReplayWindowTests(SynchronousTestCase):
    """Sealed links have a replay window of 1 024."""

    def test_size(self) -> None:
        """1 024 counters are remembered, the highest among them; older ones are not admitted."""
        window = ReplayWindow()
        self.assertEqual((window.size, REPLAY_WINDOW), (1024, 1024))
        window.accept(5000)
        self.assertTrue(window.admits(5000 - 1023))
        self.assertFalse(window.admits(5000 - 1024))
        self.assertFalse(window.admits(5000))
        self.assertTrue(window.admits(5001))

    def test_againstASet(self) -> None:
        """Of any order of counters the window admits what a list of all would, if it is near."""
        counters = [n * 7919 % 3001 for n in range(3001)] + [9000, 1, 8500, 8500, 7977, 7976]
        window, seen, highest = ReplayWindow(), dict[int, None](), -1
        for counter in counters:
            admitted = counter not in seen and counter > highest - 1024
            self.assertEqual(window.admits(counter), admitted, counter)
            if admitted:
                window.accept(counter)
                seen[counter] = None
                highest = max(highest, counter)
                self.assertEqual(window.highest, highest)
            self.assertLessEqual(window._seen.bit_length(), 1024)
