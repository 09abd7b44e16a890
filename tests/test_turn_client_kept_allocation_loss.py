"""An allocation that is made anew whenever it is lost, boundedly often."""

from __future__ import annotations

from itertools import pairwise

from gamenet.errors import CannotBind, RelayRefused
from gamenet.turn_client.kept_allocation import SETTLED
from gamenet.wire.turn import ALLOCATE, CREATE_PERMISSION, REFRESH
from tests.kept_allocation_case import HOSTS, KeptAllocationCase
from tests.played_relay import PlayedRelay
from tests.relay_client_values import PASSWORD, RELAY, USER
from tests.relay_scene import outcomeOf


class LossTests(KeptAllocationCase):
    """Losses, and tries that fail."""

    def test_lost(self) -> None:
        """437 at a refresh: made anew at once, and its owner told; the wishes too."""
        first = self.start()
        outcomeOf(self.kept.permit("192.0.2.9"))
        self.network.settle()
        self.relay.allocations.clear()
        self.network.advance(240.1)
        self.assertEqual(self.told, [first, None, self.kept.socket])
        self.assertIsInstance(self.kept.error, RelayRefused)
        self.assertEqual(
            self.relay.requests,
            [ALLOCATE, CREATE_PERMISSION, CREATE_PERMISSION, ALLOCATE, CREATE_PERMISSION],
        )

    def test_freshCredentials(self) -> None:
        """Each try asks for credentials: those that expired while it lived are not used again."""
        self.credentials = (USER, "expired")
        self.kept.start()
        self.network.advance(0.3)
        self.assertIsNone(self.kept.socket)
        assert isinstance(self.kept.error, RelayRefused)
        self.assertEqual(self.kept.error.code, 401)
        self.credentials = (USER, PASSWORD)
        self.network.advance(1.0)
        self.assertIsNotNone(self.kept.socket)

    def test_expired(self) -> None:
        """A relay that refuses a refresh for credentials that expired loses it, by that code."""
        self.start()
        self.relay.refusals[REFRESH] = (401, ())
        self.network.advance(541.0)
        assert isinstance(self.kept.error, RelayRefused)
        self.assertEqual((self.kept.error.code, self.kept.allocations), (401, 2))

    def test_keptMapping(self) -> None:
        """Between them only Binding indications go out, one each 15 s, without an answer."""
        self.start()
        before = len(self.relay.received)
        self.network.advance(61.0)
        sent = self.relay.received[before:]
        self.assertEqual([data[:2] for data in sent], [b"\0\x11"] * 4)

    def test_pauses(self) -> None:
        """Pauses double to the longest, and after so many tries it is given up, and said."""
        self.relay.refusals[ALLOCATE] = (486, ())
        self.kept = self.keep(shortest_pause=1.0, longest_pause=4.0, tries_limit=6)
        self.kept.start()
        times = []
        for _ in range(4000):
            self.network.advance(0.01)
            while len(times) < self.relay.requests.count(ALLOCATE):
                times.append(self.network.clock.seconds())
        pauses = [after - before for before, after in pairwise(times)]
        self.assertEqual(len(times), 6)
        for pause, longest in zip(pauses, (1.0, 2.0, 4.0, 4.0, 4.0), strict=True):
            self.assertTrue(longest / 2 - 0.02 <= pause <= longest + 0.02, pauses)
        self.assertEqual((self.kept.gave_up, self.told), (True, [None]))
        assert isinstance(self.kept.error, RelayRefused)
        self.assertEqual(self.kept.error.code, 486)
        self.relay.refusals.clear()
        self.readdress(HOSTS[1])
        self.network.advance(1.0)
        self.assertIsNotNone(self.kept.socket)
        self.assertFalse(self.kept.gave_up)

    def test_notLasting(self) -> None:
        """Allocations that are lost at once count as failed tries: no endless quick loop."""
        self.kept = self.keep(tries_limit=5)
        self.kept.start()
        for _ in range(400):
            self.network.advance(0.1)
            if self.kept.socket is not None:
                self.relay.allocations.clear()
                self.kept.socket.verify()
        self.assertTrue(self.kept.gave_up)
        self.assertEqual(self.kept.allocations, 5)

    def test_lasting(self) -> None:
        """One that lived for a while makes the failures before it forgotten."""
        self.kept = self.keep(tries_limit=2)
        self.kept.start()
        for _ in range(10):
            self.network.advance(SETTLED + 1.0)
            assert self.kept.socket is not None
            self.relay.allocations.clear()
            self.kept.socket.verify()
        self.network.advance(1.0)
        self.assertFalse(self.kept.gave_up)
        self.assertEqual(self.kept.allocations, 11)

    def test_sendErrors(self) -> None:
        """What the system does not send makes it look whether the allocation is there."""
        socket = self.start()
        self.relay.allocations.clear()
        client = self.kept._client
        assert client is not None
        self.network.advance(SETTLED)
        client.face.send(bytes(70_000), RELAY)
        self.network.advance(1.0)
        self.assertTrue(socket.closed)
        self.assertEqual(self.kept.allocations, 2)

    def test_alternate(self) -> None:
        """300 at the first relay: the other one is asked at once, with the same credentials."""
        other = PlayedRelay("203.0.113.9")
        other.listenDatagrams(self.network.machine("203.0.113.9"))
        self.relay.refusals[ALLOCATE] = (300, ((0x8023, b"\0\1\x0d\x96\xcb\0\x71\x09"),))
        self.assertEqual(self.start().address[0], "203.0.113.9")
        other.allocations.clear()
        self.network.advance(541.0)
        assert self.kept.socket is not None
        self.assertEqual(self.kept.socket.address[0], "203.0.113.9")
        self.assertEqual(len(self.machine.sockets), 1)

    def test_cannotBind(self) -> None:
        """A socket that cannot be opened is a failed try like every other."""
        self.machine.sockets_limit = 0
        self.kept.start()
        self.network.advance(0.2)
        self.assertIsInstance(self.kept.error, CannotBind)
        self.machine.sockets_limit = 10
        self.network.advance(1.0)
        self.assertIsNotNone(self.kept.socket)
