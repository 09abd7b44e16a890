"""An allocation that is made anew where our address changes, and what its owner can do."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from gamenet.errors import BadSetting, CannotBind, LocalProtocolError, RelayRefused
from gamenet.interfaces import Address, DatagramReceiver, IDatagramSocket
from gamenet.machine.demultiplexer import Demultiplexer
from gamenet.turn_client.kept_allocation import SETTLED
from gamenet.turn_client.relayed_socket import RelayedSocket
from gamenet.turn_client.settings import TurnClientSettings
from gamenet.wire.demultiplexing import DatagramKind
from gamenet.wire.turn import ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, REFRESH
from tests.kept_allocation_case import HOSTS, PEER, KeptAllocationCase
from tests.relay_scene import outcomeOf


class AddressTests(KeptAllocationCase):
    """"A new allocation within a second when the local address changes"."""

    def test_changes(self) -> None:
        """Within a second there is another allocation, from the new address, and we are told."""
        first = self.start()
        self.network.advance(100.3)
        self.readdress(HOSTS[1])
        self.network.advance(0.99)
        second = self.kept.socket
        assert second is not None
        self.assertEqual(self.told, [first, None, second])
        self.assertNotEqual(first.address, second.address)
        self.assertEqual(second.mapped_address[0], HOSTS[1])
        self.assertTrue(first.closed)
        self.assertEqual(self.kept.allocations, 2)

    def test_wishesFollow(self) -> None:
        """Permissions and channels are asked for again on the new one, but those given up."""
        self.start()
        outcomes = [
            outcomeOf(self.kept.permit("192.0.2.9")),
            outcomeOf(self.kept.permit("192.0.2.8")),
            outcomeOf(self.kept.bindChannel(PEER)),
        ]
        self.network.settle()
        self.assertEqual(outcomes, [[None], [None], [0x4000]])
        self.kept.revoke("192.0.2.8")
        self.readdress(HOSTS[1])
        before = len(self.relay.requests)
        self.network.advance(1.0)
        self.assertEqual(
            self.relay.requests[before:], [ALLOCATE, CREATE_PERMISSION, CHANNEL_BIND]
        )
        before = len(self.relay.received)
        self.assertTrue(self.kept.send(b"x", PEER))
        self.network.settle()
        self.assertEqual(self.relay.received[before:], [b"\x40\0\0\1x"])

    def test_noFarewell(self) -> None:
        """The old one is not taken leave of: from here it would be meant for the new one."""
        self.start()
        self.readdress(HOSTS[1])
        self.network.advance(1.0)
        self.assertEqual(self.relay.requests, [ALLOCATE, ALLOCATE])
        self.assertEqual(len(self.relay.allocations), 2)

    def test_backAgain(self) -> None:
        """Back at the first address the allocation that is still there is replaced (437)."""
        demultiplexer = Demultiplexer(self.machine)
        self.kept = self.keep(openFace=self.shared(demultiplexer))
        self.start()
        for host in (HOSTS[1], HOSTS[0]):
            self.readdress(host)
            self.network.advance(1.0)
            self.assertIsNotNone(self.kept.socket)
        self.assertEqual(self.kept.allocations, 3)
        self.assertEqual(len(self.relay.allocations), 2)
        self.assertEqual(self.relay.requests.count(REFRESH), 1)
        self.kept.stop()
        demultiplexer.close()

    def shared(
        self, demultiplexer: Demultiplexer
    ) -> Callable[[Address, DatagramReceiver], IDatagramSocket]:
        """Return what opens shares of a game socket."""
        return lambda address, receiver: demultiplexer.face(
            receiver, (DatagramKind.STUN, DatagramKind.CHANNEL_DATA), remote=address
        )

    def test_whileAllocating(self) -> None:
        """An address that changes while an allocation is asked for begins anew."""
        self.relay.silent = True
        self.kept.start()
        self.network.advance(5.0)
        self.relay.silent = False
        self.readdress(HOSTS[1])
        self.network.advance(1.0)
        assert self.kept.socket is not None
        self.assertEqual(self.kept.socket.mapped_address[0], HOSTS[1])
        self.assertEqual(self.told, [self.kept.socket])

    def test_offline(self) -> None:
        """Without any address the allocation is left alone; back with the same one it lives."""
        first = self.start()
        address, self.machine.sourceAddress = self.machine.sourceAddress, self.noWay
        self.network.advance(30.0)
        self.assertIs(self.kept.socket, first)
        self.machine.sourceAddress = address
        self.network.advance(1.0)
        self.assertIs(self.kept.socket, first)
        self.machine.sourceAddress = self.noWay
        self.network.advance(1.0)
        self.readdress(HOSTS[2])
        self.machine.sourceAddress = address
        self.network.advance(1.0)
        self.assertEqual(self.kept.allocations, 2)

    def noWay(self, destination: str) -> str:
        """There is no way to anybody."""
        raise CannotBind("no route")

    def test_startedOffline(self) -> None:
        """Started without an address it allocates as soon as there is one."""
        address, self.machine.sourceAddress = self.machine.sourceAddress, self.noWay
        self.network.tamper = lambda datagram: ()
        self.kept.start()
        self.network.advance(20.0)
        self.assertEqual(self.told, [])
        self.network.tamper = lambda datagram: (datagram,)
        self.machine.sourceAddress = address
        self.network.advance(1.0)
        self.assertIsNotNone(self.kept.socket)

    @given(st.lists(st.tuples(st.sampled_from(HOSTS), st.floats(0.0, 3.0)), max_size=8))
    @settings(deadline=None, max_examples=50)
    def test_flapping(self, moves: list[tuple[str, float]]) -> None:
        """However the address changes: a second after it came to rest there is an allocation."""
        self.kept.stop()
        self.kept = self.keep()
        self.kept.start()
        for host, wait in moves:
            self.readdress(host)
            self.network.advance(wait)
        self.network.advance(1.0)
        assert self.kept.socket is not None
        self.assertEqual(self.kept.socket.mapped_address[0], self.machine.host)
        self.assertEqual(len(self.machine.sockets), 1)


class OwnerTests(KeptAllocationCase):
    """What its owner can do."""

    def test_wishBefore(self) -> None:
        """What is wanted before there is an allocation is asked for when there is one."""
        asked = [outcomeOf(self.kept.permit("192.0.2.9")), outcomeOf(self.kept.bindChannel(PEER))]
        self.assertFalse(self.kept.send(b"x", PEER))
        self.assertEqual((self.kept.packets_unsent, asked), (1, [[], []]))
        self.start()
        self.assertEqual(asked, [[None], [0x4000]])
        again = outcomeOf(self.kept.permit("192.0.2.9"))
        self.assertEqual(again, [None])

    def test_wishRefused(self) -> None:
        """What is refused fails with its code, and is not asked for again."""
        self.relay.refusals[CREATE_PERMISSION] = (403, ())
        self.start()
        asked = outcomeOf(self.kept.permit("127.0.0.1"))
        wrong = outcomeOf(self.kept.permit("example.org"))
        self.network.settle()
        (refused,) = asked
        assert isinstance(refused, RelayRefused)
        self.assertEqual(refused.code, 403)
        self.assertIsInstance(wrong[0], LocalProtocolError)
        before = len(self.relay.requests)
        self.readdress(HOSTS[1])
        self.network.advance(1.0)
        self.assertEqual(self.relay.requests[before:], [ALLOCATE])

    def test_wishOutlives(self) -> None:
        """What is asked of an allocation that is lost meanwhile is granted by the next."""
        self.start()
        self.network.advance(SETTLED)
        self.relay.allocations.clear()
        asked = outcomeOf(self.kept.bindChannel(PEER))
        self.network.advance(1.0)
        self.assertEqual(asked, [0x4000])
        self.assertEqual(self.kept.allocations, 2)

    def test_givenUpWish(self) -> None:
        """What is given up before it was granted fails."""
        asked = outcomeOf(self.kept.bindChannel(PEER))
        self.kept.unbindChannel(PEER)
        self.kept.unbindChannel(PEER)
        self.assertIsInstance(asked[0], RelayRefused)
        self.start()
        outcomeOf(self.kept.bindChannel(PEER))
        self.network.settle()
        self.kept.unbindChannel(PEER)
        self.kept.send(b"x", PEER)
        self.network.settle()
        self.assertEqual(self.relay.received[-1][:2], b"\0\x16")

    def test_limit(self) -> None:
        """So many permissions and so many channels, whether there is an allocation or not."""
        self.kept = self.keep(peers_limit=2)
        for number in (1, 2):
            self.assertEqual(outcomeOf(self.kept.permit(f"192.0.2.{number}")), [])
            self.assertEqual(outcomeOf(self.kept.bindChannel(("192.0.2.1", number))), [])
        for asked in (self.kept.permit("192.0.2.3"), self.kept.bindChannel(("192.0.2.1", 3))):
            self.assertIsInstance(outcomeOf(asked)[0], LocalProtocolError)

    def test_stop(self) -> None:
        """Stopping takes leave, fails what waits, leaves no timer and no socket; then again."""
        self.start()
        self.relay.silent = True
        asked = outcomeOf(self.kept.permit("192.0.2.9"))
        self.assertEqual(outcomeOf(self.kept.stop()), [None])
        self.assertEqual((self.network.clock.getDelayedCalls(), self.machine.sockets), ([], {}))
        self.relay.silent = False
        self.network.settle()
        self.assertEqual(self.relay.allocations, {})
        self.assertIsInstance(asked[0], RelayRefused)
        self.kept.stop()
        self.start()
        with self.assertRaises(LocalProtocolError):
            self.kept.start()

    def test_stopInBetween(self) -> None:
        """Stopping at any moment of the making leaves nothing, here or at the relay."""
        for steps in range(6):
            self.kept = self.keep()
            self.kept.start()
            self.network.clock.advance(0.0)
            for _ in range(steps):
                if self.network._travelling:
                    data, source, target = self.network._travelling.popleft()
                    there = self.network._machines[target[0]].sockets.get(target[1])
                    if there is not None:
                        there.receiver(data, source)
            self.kept.stop()
            self.network.settle()
            self.assertEqual(self.network.clock.getDelayedCalls(), [])
            self.assertEqual((self.machine.sockets, self.relay.allocations), ({}, {}))

    def test_stopWhenTold(self) -> None:
        """Its owner may stop it, and ask for more, from within the news."""

        def changed(socket: RelayedSocket | None) -> None:
            self.told.append(socket)
            if socket is not None:
                outcomeOf(self.kept.permit("192.0.2.9"))
                self.kept.stop()

        self.kept = self.keep(changed)
        self.kept.start()
        self.network.advance(1.0)
        self.assertEqual((len(self.told), self.kept.socket), (1, None))
        self.assertEqual((self.relay.allocations, self.kept.running), ({}, False))

    def test_ownerRaises(self) -> None:
        """What the owner raises is logged, and the allocation kept."""

        def changed(socket: RelayedSocket | None) -> None:
            raise ZeroDivisionError

        self.kept = self.keep(changed)
        self.start()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.network.advance(1000.0)
        self.assertEqual(self.kept.allocations, 1)

    def test_credentialsRaise(self) -> None:
        """Credentials that cannot be had are a failed try, and logged."""
        self.kept._credentials = lambda: 1 / 0  # type: ignore[assignment,return-value]
        self.kept.start()
        self.network.advance(0.1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertIsInstance(self.kept.error, LocalProtocolError)

    def test_settings(self) -> None:
        """Settings that cannot work are refused by name."""
        for wrong in (
            {"families": (3,)}, {"families": (2, 1)}, {"watch_interval": 0.6},
            {"shortest_pause": 5.0, "longest_pause": 1.0}, {"tries_limit": 0},
            {"peers_limit": 4097}, {"hops_limit": -1}, {"connect_timeout": 0.0},
            {"transactions_limit": 0}, {"peers_limit": 0},
        ):
            with self.assertRaises(BadSetting):
                TurnClientSettings(**wrong)
