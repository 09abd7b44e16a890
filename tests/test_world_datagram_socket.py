"""
Tests of L{gamenet.world.datagram_socket}: the same contract as the reactor's sockets.
"""

from __future__ import annotations

from twisted.trial.unittest import TestCase

from gamenet.interfaces import Address, DatagramReceiver, IDatagramSocket
from gamenet.world.link import LinkProfile
from gamenet.world.network import WorldNetwork
from tests.datagram_socket_contract import DatagramSocketContract, Inbox

HOST = "203.0.113.1"


class WorldDatagramSocketTests(DatagramSocketContract, TestCase):
    """The contract of every datagram socket, in the twin world."""

    def setUp(self) -> None:
        self.network = WorldNetwork(1)
        self.machine = self.network.machine("one", HOST, profile=LinkProfile(latency=0.01))

    def openSocket(
        self, receiver: DatagramReceiver, interface: str = "", port: int = 0
    ) -> IDatagramSocket:
        """Open a socket."""
        return self.machine.openDatagramSocket(receiver, interface, port)

    def reachable(self, socket: IDatagramSocket) -> Address:
        """All of them are on one machine."""
        port: int = socket.address[1]
        return (HOST, port)

    def reachableHost(self) -> str:
        """Its address."""
        return HOST

    def letTimePass(self) -> None:
        """Let the datagrams arrive."""
        self.network.advance(1.0)

    def test_mutableData(self) -> None:
        """What is sent is what the buffer held then, whatever becomes of it."""
        inbox = Inbox()
        there = self.openSocket(inbox.receive)
        data = bytearray(b"before")
        self.openSocket(Inbox().receive).send(memoryview(data), self.reachable(there))
        data[:] = b"after!"
        self.letTimePass()
        self.assertEqual([data for data, _ in inbox.arrived], [b"before"])
        self.assertIs(type(inbox.arrived[0][0]), bytes)

    def test_faultKinds(self) -> None:
        """A receiver that raises ever new kinds of exceptions fills no table and no log."""
        kinds = [type(f"Fault{number}", (Exception,), {}) for number in range(40)]

        def receive(data: bytes, address: Address) -> None:
            raise kinds[data[0]]

        there = self.openSocket(receive)
        here = self.openSocket(Inbox().receive)
        for number in range(40):
            here.send(bytes([number]), self.reachable(there))
        self.letTimePass()
        self.assertEqual(len(self.flushLoggedErrors(*kinds)), 16)
