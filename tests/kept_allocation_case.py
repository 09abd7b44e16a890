"""A machine whose address can change, a relay that is played, and an allocation that is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.turn_client.alternate_servers import TurnServer
from gamenet.turn_client.kept_allocation import KeptAllocation
from gamenet.turn_client.relayed_socket import RelayedSocket
from gamenet.turn_client.settings import TurnClientSettings
from tests.memory_machine import MemoryMachine, MemoryNetwork
from tests.played_relay import PlayedRelay
from tests.relay_client_values import PASSWORD, RELAY, USER
from tests.relay_scene import outcomeOf

__all__ = ["HOSTS", "PEER", "KeptAllocationCase"]

HOSTS = ("198.51.100.1", "198.51.100.2", "198.51.100.3")
PEER: Address = ("192.0.2.1", 7)


class KeptAllocationCase(SynchronousTestCase):
    """A machine whose address can change, a relay that is played, an allocation that is kept."""

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.machine: MemoryMachine = self.network.machine(HOSTS[0])
        self.relay = PlayedRelay(RELAY[0])
        self.listener = self.relay.listenDatagrams(self.network.machine(RELAY[0]))
        self.credentials = (USER, PASSWORD)
        self.told: list[RelayedSocket | None] = []
        self.received: list[tuple[bytes, Address]] = []
        self.kept = self.keep()

    def tearDown(self) -> None:
        self.assertEqual(outcomeOf(self.kept.stop()), [None])
        self.assertEqual(self.network.clock.getDelayedCalls(), [])
        self.network.settle()

    def keep(
        self,
        changed: Callable[[RelayedSocket | None], object] | None = None,
        openFace: Any = None,
        **wanted: Any,
    ) -> KeptAllocation:
        """Return what keeps an allocation; it is not started."""
        return KeptAllocation(
            self.machine,
            TurnServer(*RELAY),
            lambda: self.credentials,
            lambda data, peer: self.received.append((data, peer)),
            changed or self.told.append,
            TurnClientSettings(**wanted),
            openFace,
        )

    def readdress(self, host: str) -> None:
        """Give the machine another address; nothing reaches the old one any more."""
        self.network._machines.pop(self.machine.host, None)
        self.machine.host = host
        self.network._machines[host] = self.machine

    def start(self) -> RelayedSocket:
        """Start, and return the allocation."""
        self.kept.start()
        self.network.advance(0.0)
        self.network.settle()
        assert self.kept.socket is not None, self.kept.error
        return self.kept.socket
