"""
What every L{IDatagramSocket} must do, whoever provides it.

The reactor's two kinds of socket and the twin world's run under these same
tests; a subclass says how sockets are opened and how arrivals are waited for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from gamenet.errors import CannotBind
from gamenet.interfaces import (
    Address,
    DatagramReceiver,
    IDatagramSocket,
    IFragmentControl,
)

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase

    Base = TestCase
else:
    Base = object

__all__ = ["DatagramSocketContract", "Inbox"]


class Inbox:
    """A receiver that keeps what arrives and says when there is enough of it."""

    def __init__(self) -> None:
        self.arrived: list[tuple[bytes, Address]] = []
        self._waiting: tuple[int, Deferred[list[tuple[bytes, Address]]]] | None = None

    def receive(self, data: bytes, address: Address) -> None:
        """Keep a datagram."""
        self.arrived.append((data, address))
        if self._waiting is not None and len(self.arrived) >= self._waiting[0]:
            waiting, self._waiting = self._waiting[1], None
            waiting.callback(self.arrived)

    def holding(self, count: int) -> Deferred[list[tuple[bytes, Address]]]:
        """Return a Deferred that fires once C{count} datagrams have arrived."""
        waiting: Deferred[list[tuple[bytes, Address]]] = Deferred()
        if len(self.arrived) >= count:
            waiting.callback(self.arrived)
        else:
            self._waiting = (count, waiting)
        return waiting


class DatagramSocketContract(Base):
    """
    Mixed into a trial C{TestCase}.

    @cvar too_long: How many bytes no datagram of this family has.
    @cvar other_family: A numeric host of the family that these sockets are not of.
    """

    too_long = 65_508
    other_family = "::1"

    def openSocket(
        self, receiver: DatagramReceiver, interface: str = "", port: int = 0
    ) -> IDatagramSocket:
        """Open a socket that is closed when the test ends."""
        raise NotImplementedError

    def reachable(self, socket: IDatagramSocket) -> Address:
        """Return where another socket of this test reaches C{socket}."""
        raise NotImplementedError

    def letTimePass(self) -> None:
        """Give a simulated network its time; nothing where time passes by itself."""

    async def released(self) -> None:
        """Wait until a socket that was just closed has given its port back."""

    def flushFaults(self, kind: type[Exception]) -> list[Failure]:
        """Return what was logged of C{kind}."""
        return self.flushLoggedErrors(kind)

    async def test_datagramsGoThrough(self) -> None:
        """Bytes arrive as they were sent, from the address of the socket that sent them."""
        inbox = Inbox()
        there = self.openSocket(inbox.receive)
        here = self.openSocket(Inbox().receive)
        verifyObject(IDatagramSocket, there)
        for data in (b"one", b"", b"\xff" * 1400):
            self.assertTrue(here.send(data, self.reachable(there)))
        self.letTimePass()
        arrived = await inbox.holding(3)
        self.assertEqual([data for data, _ in arrived], [b"one", b"", b"\xff" * 1400])
        self.assertEqual([address for _, address in arrived], [self.reachable(here)] * 3)
        self.assertEqual((here.send_errors, there.send_errors), (0, 0))

    async def test_largestDatagram(self) -> None:
        """A datagram of 65 507 bytes, the most that IPv4 carries, arrives whole."""
        inbox = Inbox()
        there = self.openSocket(inbox.receive)
        here = self.openSocket(Inbox().receive)
        data = bytes(range(256)) * 256
        self.assertTrue(here.send(data[:65_507], self.reachable(there)))
        self.letTimePass()
        arrived = await inbox.holding(1)
        self.assertEqual(arrived[0][0], data[:65_507])

    def test_sendsThatCannotBe(self) -> None:
        """Errors of sending never leave the socket: each is counted and answered with False."""
        here = self.openSocket(Inbox().receive)
        somewhere = self.reachable(here)
        refused = [
            (b"x" * self.too_long, somewhere),
            (b"", ("localhost", somewhere[1])),
            (b"", ("", somewhere[1])),
            (b"", ("192.0.2.1.5", somewhere[1])),
            (b"", (self.other_family, somewhere[1])),
            (b"", ("::1%lo", somewhere[1])),
            (b"", ("a\0b", somewhere[1])),
            (b"", (somewhere[0], 0)),
            (b"", (somewhere[0], 65_536)),
            (b"", (somewhere[0], -1)),
        ]
        for count, (data, address) in enumerate(refused, 1):
            self.assertIs(here.send(data, address), False, address)
            self.assertEqual(here.send_errors, count, address)

    async def test_sender(self) -> None:
        """Speed: the lean way to send sends the same, from the same address."""
        inbox = Inbox()
        there = self.openSocket(inbox.receive)
        here = self.openSocket(Inbox().receive)
        send = here.sender()
        send(b"one", self.reachable(there))
        self.assertTrue(here.send(b"two", self.reachable(there)))
        self.letTimePass()
        arrived = await inbox.holding(2)
        self.assertEqual([data for data, _ in arrived], [b"one", b"two"])
        self.assertEqual([address for _, address in arrived], [self.reachable(here)] * 2)

    def test_senderThatCannot(self) -> None:
        """What the lean way cannot send it raises, and C{send_errors} knows nothing of it."""
        here = self.openSocket(Inbox().receive)
        there = self.reachable(self.openSocket(Inbox().receive))
        send = here.sender()
        with self.assertRaises(OSError):
            send(b"x" * self.too_long, there)
        here.close()
        with self.assertRaises(OSError):
            send(b"late", there)
        with self.assertRaises(OSError):
            here.sender()(b"late", there)
        self.assertEqual(here.send_errors, 0)

    async def test_sendWhole(self) -> None:
        """DONT-FRAGMENT: a datagram that must stay whole arrives, as do those around it."""
        inbox = Inbox()
        there = self.openSocket(inbox.receive)
        here = self.openSocket(Inbox().receive)
        verifyObject(IFragmentControl, here)
        self.assertIs(IFragmentControl(here).keeps_whole, True)
        self.assertTrue(here.send(b"before", self.reachable(there)))
        self.assertTrue(IFragmentControl(here).sendWhole(b"whole", self.reachable(there)))
        self.assertTrue(here.send(b"behind", self.reachable(there)))
        self.letTimePass()
        arrived = await inbox.holding(3)
        self.assertEqual([data for data, _ in arrived], [b"before", b"whole", b"behind"])

    def test_sendWholeThatCannotBe(self) -> None:
        """What cannot be sent whole is counted and answered with False, as with send."""
        here = self.openSocket(Inbox().receive)
        somewhere = self.reachable(here)
        whole = IFragmentControl(here).sendWhole
        refused = [
            (b"x" * self.too_long, somewhere),
            (b"", ("localhost", somewhere[1])),
            (b"", (self.other_family, somewhere[1])),
            (b"", (somewhere[0], 65_536)),
        ]
        for count, (data, address) in enumerate(refused, 1):
            self.assertIs(whole(data, address), False, address)
            self.assertEqual(here.send_errors, count, address)
        here.close()
        self.assertIs(whole(b"late", somewhere), False)

    async def test_portAskedFor(self) -> None:
        """A port that is asked for is had, and then taken for everybody else by name."""
        first = self.openSocket(Inbox().receive, self.reachableHost())
        with self.assertRaises(CannotBind) as caught:
            self.openSocket(Inbox().receive, *first.address)
        self.assertIn(str(first.address[1]), str(caught.exception))
        first.close()
        await self.released()
        again = self.openSocket(Inbox().receive, *first.address)
        self.assertEqual(again.address, first.address)

    def test_impossibleAddresses(self) -> None:
        """An address that is not ours, or not one at all, cannot be bound."""
        for interface, port in [
            ("203.0.113.77", 0),
            ("localhost", 0),
            ("2001:db8::77", 0),
            ("::1%nothing", 0),
            ("::ffff:203.0.113.77", 0),
            ("a\0b", 0),
            (self.reachableHost(), 65_536),
            (self.reachableHost(), -1),
        ]:
            with self.assertRaises(CannotBind):
                self.openSocket(Inbox().receive, interface, port)

    def reachableHost(self) -> str:
        """Return the numeric address that this test's sockets can bind."""
        raise NotImplementedError

    async def test_receiverThatRaises(self) -> None:
        """An exception of the receiver is logged once a kind; the next datagram still arrives."""
        inbox = Inbox()

        def receive(data: bytes, address: Address) -> None:
            if data == b"divide":
                raise ZeroDivisionError(data)
            if data == b"index":
                raise IndexError(data)
            inbox.receive(data, address)

        there = self.openSocket(receive)
        here = self.openSocket(Inbox().receive)
        for data in (b"divide", b"divide", b"index", b"divide", b"fine"):
            here.send(data, self.reachable(there))
        self.letTimePass()
        arrived = await inbox.holding(1)
        self.assertEqual(arrived[0][0], b"fine")
        self.assertEqual(len(self.flushFaults(ZeroDivisionError)), 1)
        self.assertEqual(len(self.flushFaults(IndexError)), 1)

    async def test_closed(self) -> None:
        """A closed socket neither sends nor receives; closing twice is harmless."""
        inbox, other = Inbox(), Inbox()
        closed = self.openSocket(inbox.receive, self.reachableHost())
        there = self.openSocket(other.receive)
        here = self.openSocket(Inbox().receive)
        closed.close()
        closed.close()
        here.send(b"late", closed.address)
        self.assertIs(closed.send(b"late", self.reachable(there)), False)
        self.assertIs(closed.send(b"late", self.reachable(there), 5), False)
        self.assertEqual(closed.send_errors, 2)
        here.send(b"marker", self.reachable(there))
        self.letTimePass()
        arrived = await other.holding(1)
        self.assertEqual([data for data, _ in arrived], [b"marker"])
        self.assertEqual(inbox.arrived, [])

    async def test_closedByItsReceiver(self) -> None:
        """A receiver that closes its socket hears nothing of what had already arrived behind."""
        arrived: list[bytes] = []
        done: Deferred[None] = Deferred()

        def receive(data: bytes, address: Address) -> None:
            arrived.append(data)
            there.close()
            done.callback(None)

        there = self.openSocket(receive)
        here = self.openSocket(Inbox().receive)
        for data in (b"first", b"second", b"third"):
            here.send(data, self.reachable(there))
        self.letTimePass()
        await done
        self.assertEqual(arrived, [b"first"])

    async def test_timeToLiveOfOneDatagram(self) -> None:
        """Row H3: a send with a time to live works and leaves the next one as it was."""
        inbox = Inbox()
        there = self.openSocket(inbox.receive)
        here = self.openSocket(Inbox().receive)
        self.assertTrue(here.send(b"low", self.reachable(there), 64))
        self.assertTrue(here.send(b"usual", self.reachable(there)))
        self.letTimePass()
        arrived = await inbox.holding(2)
        self.assertEqual([data for data, _ in arrived], [b"low", b"usual"])
        self.assertIs(here.send(b"none", self.reachable(there), 0), False)
        self.assertIs(here.send(b"too far", self.reachable(there), 256), False)
