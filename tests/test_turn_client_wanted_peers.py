"""Permissions and channels that every allocation is to have, and relays that refuse them."""

from __future__ import annotations

from twisted.logger import capturedLogs

from gamenet.errors import RelayRefused
from gamenet.wire.turn import ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH
from tests.kept_allocation_case import HOSTS, PEER, KeptAllocationCase
from tests.relay_scene import outcomeOf

_HOST = "192.0.2.9"


class RefusedPeerTests(KeptAllocationCase):
    """A2: what was granted once is not lost because it is refused once."""

    def granted(self) -> None:
        """Have a permission and a channel granted."""
        self.start()
        asked = [outcomeOf(self.kept.permit(_HOST)), outcomeOf(self.kept.bindChannel(PEER))]
        self.network.settle()
        self.assertEqual(asked, [[None], [0x4000]])

    def asked(self, since: int = 0) -> tuple[int, int]:
        """Return how often a permission was asked for, and a channel."""
        requests = self.relay.requests[since:]
        return requests.count(CREATE_PERMISSION), requests.count(CHANNEL_BIND)

    def readdressed(self) -> None:
        """Have another address, and another allocation."""
        self.readdress(next(each for each in HOSTS if each != self.machine.host))
        self.network.advance(1.0)

    def assertKept(self) -> None:
        """Assert that the permission is refreshed, and the channel used."""
        before = len(self.relay.requests)
        self.network.advance(240.0)
        self.assertEqual(self.asked(before), (1, 1))
        self.assertTrue(self.kept.send(b"x", PEER))
        self.network.settle()
        self.assertEqual(self.relay.received[-1][:1], b"\x40")

    def assertGivenUp(self) -> None:
        """Assert that nothing is asked for any more, not of a new allocation either."""
        before = len(self.relay.requests)
        self.network.advance(100.0)
        self.readdressed()
        self.assertEqual(self.relay.requests[before:], [ALLOCATE])

    def test_newAllocation(self) -> None:
        """A2: granted, new address, the relay refuses with 508 once: it is granted later."""
        self.granted()
        for method in (CREATE_PERMISSION, CHANNEL_BIND):
            self.relay.refusals[method] = (508, ())
        self.readdress(HOSTS[1])
        before = len(self.relay.requests)
        while self.asked(before) != (1, 1):
            self.network.advance(0.05)
        self.relay.refusals.clear()
        self.network.advance(0.6)
        self.assertEqual(self.asked(before), (2, 2))
        self.assertKept()

    def test_refresh(self) -> None:
        """A2: refused at a refresh, it is asked for again of the same allocation."""
        self.granted()
        for method in (CREATE_PERMISSION, CHANNEL_BIND):
            self.relay.refusals[method] = (486, ())
        self.network.advance(240.1)
        self.relay.refusals.clear()
        self.network.advance(1.0)
        self.assertEqual((self.asked(), self.kept.allocations), ((3, 3), 1))
        self.assertKept()

    def test_pauses(self) -> None:
        """A2: the pauses double to the longest, and who asks meanwhile waits with it."""
        self.kept = self.keep(shortest_pause=1.0, longest_pause=8.0)
        self.granted()
        self.relay.refusals[CREATE_PERMISSION] = (508, ())
        self.network.advance(240.0)
        before = len(self.relay.requests)
        self.network.advance(100.0)
        count, _ = self.asked(before)
        # 1 + 2 + 4 and then 8 s each, or half of it.
        self.assertTrue(12 <= count <= 28, count)
        waiting = outcomeOf(self.kept.permit(_HOST))
        self.network.advance(1.0)
        self.assertEqual(waiting, [])
        self.relay.refusals.clear()
        self.network.advance(8.0)
        self.assertEqual(waiting, [None])

    def test_final(self) -> None:
        """A2: 403 will not change: given up, and logged."""
        self.granted()
        self.relay.refusals[CREATE_PERMISSION] = (403, ())
        self.relay.refusals[CHANNEL_BIND] = (403, ())
        with capturedLogs() as logged:
            self.network.advance(240.1)
        given_up = [each["key"] for each in logged if "given up" in each["log_format"]]
        self.assertEqual(given_up, [("permission", _HOST, 0), ("channel", *PEER)])
        self.relay.refusals.clear()
        self.assertGivenUp()

    def test_familyMissing(self) -> None:
        """A8: 443 is of this allocation, and the next may have both families: asked of it."""
        self.granted()
        self.relay.refusals[CREATE_PERMISSION] = (443, ())
        self.relay.refusals[CHANNEL_BIND] = (443, ())
        with capturedLogs() as logged:
            self.network.advance(240.1)
        self.assertEqual([each for each in logged if "given up" in each["log_format"]], [])
        before = len(self.relay.requests)
        self.network.advance(100.0)
        self.assertEqual(self.asked(before), (0, 0))
        waiting = outcomeOf(self.kept.permit(_HOST))
        self.network.settle()
        self.assertEqual(len(waiting), 1)
        self.relay.refusals.clear()
        self.relay.refusals[REFRESH] = (437, ())
        self.network.advance(600.0)
        self.relay.refusals.clear()
        self.network.advance(60.0)
        permissions, channels = self.asked(before)
        self.assertGreater(min(permissions, channels), 0)

    def test_badRequest(self) -> None:
        """A2: 400 is final once the allocation was looked for and is there."""
        self.granted()
        self.relay.refusals[CREATE_PERMISSION] = (400, ())
        self.kept.unbindChannel(PEER)
        self.network.advance(240.0)
        waiting = outcomeOf(self.kept.permit(_HOST))
        self.network.advance(1.0)
        (refused,) = waiting
        assert isinstance(refused, RelayRefused)
        self.assertEqual((refused.code, self.asked()[0], self.kept.allocations), (400, 3, 1))
        self.relay.refusals.clear()
        self.assertGivenUp()

    def test_badRequestWithoutAllocation(self) -> None:
        """A2: 400 that means that there is no allocation (coturn 4.6.1) loses no permission."""
        self.granted()
        self.relay.refusals[CREATE_PERMISSION] = (400, ())
        self.network.advance(239.0)
        self.relay.allocations.clear()
        while self.kept.allocations == 1:
            self.network.advance(0.05)
            if self.kept.socket is None:
                self.relay.refusals.clear()
        self.relay.refusals.clear()
        self.network.advance(1.0)
        self.assertKept()

    def test_manyAtOnce(self) -> None:
        """A2: 300 permissions follow however few requests may be outstanding; none fails."""
        for limit in (256, 1):
            self.kept.stop()
            self.network.settle()
            self.kept = self.keep(peers_limit=400, transactions_limit=limit)
            self.start()
            hosts = [f"192.0.{2 + number // 200}.{number % 200}" for number in range(300)]
            asked = [outcomeOf(self.kept.permit(host)) for host in hosts]
            self.network.settle()
            self.assertEqual(asked, [[None]] * 300)
            before = len(self.relay.requests)
            self.readdressed()
            self.assertEqual(self.asked(before), (300, 0))
            self.network.advance(240.0)
            self.assertEqual(self.asked(before), (600, 0))

    def test_stopWhilePaused(self) -> None:
        """A2: stopped during a pause, no timer is left, and who waits hears of it."""
        self.granted()
        self.relay.refusals[CREATE_PERMISSION] = (508, ())
        self.network.advance(240.0)
        waiting = outcomeOf(self.kept.permit(_HOST))
        self.network.settle()
        self.kept.stop()
        self.assertIsInstance(waiting[0], RelayRefused)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
