"""The twin world's sockets keep the contract that the reactor's keep."""

from __future__ import annotations

from twisted.internet.defer import succeed
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from gamenet.interfaces import Address, DatagramReceiver, IDatagramSocket, IMachine
from gamenet.machine.reactor_machine import asMachine
from gamenet.world.network import WorldNetwork
from tests.datagram_socket_contract import DatagramSocketContract

HOST = "203.0.113.1"


class WorldSocketTests(DatagramSocketContract, TestCase):
    """The same tests as the real sockets', in memory."""

    def setUp(self) -> None:
        self.world = WorldNetwork(1)
        self.machine = self.world.machine("one", HOST)

    def openSocket(
        self, receiver: DatagramReceiver, interface: str = "", port: int = 0
    ) -> IDatagramSocket:
        """Open a socket of the only machine."""
        return self.machine.openDatagramSocket(receiver, interface or HOST, port)

    def reachable(self, socket: IDatagramSocket) -> Address:
        """The machine reaches itself."""
        return socket.address

    def reachableHost(self) -> str:
        """The machine's address."""
        return HOST

    def letTimePass(self) -> None:
        """Half a second."""
        self.world.clock.advance(0.5)

    def released(self) -> object:
        """Nothing takes its time here."""
        return succeed(None)

    def test_machine(self) -> None:
        """A world's machine is a machine already."""
        verifyObject(IMachine, self.machine)
        self.assertIs(asMachine(self.machine), self.machine)
