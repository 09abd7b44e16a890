"""
A data plane of the relay on a network in memory, clients of it, and an owner who decides nothing.
"""

from __future__ import annotations

from attrs import define, field
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from gamenet.interfaces import Address
from gamenet.relay.quotas import AllocationLimits, Quotas
from gamenet.relay_plane.allowance import Allowance
from gamenet.relay_plane.counters import DropReason, RelayCounters
from gamenet.relay_plane.data_plane import IDataPlane, IPlaneOwner
from gamenet.relay_plane.flow import Flow
from gamenet.relay_plane.grants import Grants
from gamenet.relay_plane.relay_host import RelayHost
from gamenet.relay_plane.relayed_port import RelayedPort
from gamenet.wire.stun import decode
from gamenet.wire.turn import IPV4_FAMILY, IPV6_FAMILY, readIndication
from gamenet.wire.turn_transport import Transport
from tests.memory_machine import MemoryNetwork
from tests.relay_bytes import checkEmitted
from tests.relay_desk import RELAY_HOST, RELAY_HOST_IPV6
from tests.relay_hosts_scene import HostsMachine

__all__ = ["PEER_HOST", "PEER_HOST_IPV6", "PlaneCase", "PlaneClient", "RecordingOwner"]

PEER_HOST = "198.51.100.50"
PEER_HOST_IPV6 = "2606:4700::50"


@implementer(IPlaneOwner)
@define(eq=False)
class RecordingOwner:
    """
    A control plane that decides nothing.

    @ivar asked: What it was handed: bytes, listener, client.
    @ivar drops: Why packets went nowhere.
    @ivar open_ports: The ports of guarded hosts that may be peers.
    """

    asked: list[tuple[bytes, int, Address]] = field(factory=list)
    drops: list[DropReason] = field(factory=list)
    open_ports: tuple[int, ...] = ()

    def datagramReceived(self, data: bytes, listener: int, client: Address) -> None:
        """See L{IPlaneOwner.datagramReceived}."""
        self.asked.append((data, listener, client))

    def allowsPort(self, peer: Address) -> bool:
        """See L{IPlaneOwner.allowsPort}."""
        return peer[1] in self.open_ports

    def dropped(self, reason: DropReason) -> None:
        """See L{IPlaneOwner.dropped}."""
        self.drops.append(reason)


class PlaneClient:
    """
    Somebody with relayed ports, over UDP or over a stream.

    @ivar received: What came.
    @ivar broken: What sending to a stream raises, C{None} for nothing.
    """

    def __init__(
        self, case: PlaneCase, host: str, families: tuple[int, ...], stream: bool = False
    ) -> None:
        self.case = case
        self.received: list[bytes] = []
        self.broken: OSError | None = None
        self.socket = case.network.machine(host).openDatagramSocket(
            lambda data, _: self.received.append(data)
        )
        address = (host, self.socket.address[1])
        case.streams += 1
        number = 100 + case.streams if stream else 1
        self.flow = Flow(number, address, Transport.TCP if stream else Transport.UDP)
        self.stream = stream
        if stream:
            case.plane.connect(self.flow, self._reply)
        self.ports: tuple[RelayedPort, ...] = tuple(
            case.plane.open(family, False, False)[0] for family in families
        )
        self.allowance: Allowance = case.quotas.open(host, host, len(families), 0.0)
        self.hosts: tuple[tuple[str, bool], ...] = ()
        self.channels: tuple[tuple[int, Address], ...] = ()

    @property
    def relayed(self) -> Address:
        """Its first relayed address."""
        return self.ports[0].address

    def _reply(self, data: bytes, address: Address) -> None:
        assert address == self.flow.address
        if self.broken is not None:
            raise self.broken
        self.received.append(data)

    def grant(
        self, *hosts: str | tuple[str, bool], channels: tuple[tuple[int, Address], ...] = ()
    ) -> None:
        """Program what it may do."""
        self.hosts = tuple((each, False) if isinstance(each, str) else each for each in hosts)
        self.channels = channels
        numbers = tuple(port.number for port in self.ports)
        grants = Grants(self.flow, numbers, self.hosts, channels, self.allowance)
        self.case.plane.program(grants)

    def put(self, data: bytes) -> None:
        """Send to the plane; over a stream only ChannelData comes there."""
        if self.stream:
            self.case.plane.channelDataReceived(self.flow, data)
        else:
            self.socket.send(data, self.case.listening)
        self.case.network.settle()
        for message in self.received:
            checkEmitted(message)

    def send(self, peer: Address, payload: bytes, whole: bool = False) -> None:
        """Put what a Send indication holds."""
        self.case.plane.sendToPeer(self.flow, peer, payload, whole)
        self.case.network.settle()

    def indicated(self) -> list[tuple[Address, bytes]]:
        """Return what came in Data indications."""
        return [readIndication(decode(data)) for data in self.received if data[0] < 4]

    def channelled(self) -> list[bytes]:
        """Return what came as ChannelData."""
        return [data for data in self.received if data[0] >= 0x40]


class PlaneCase(SynchronousTestCase):
    """A plane that listens, and a peer."""

    def makePlane(
        self,
        machine: HostsMachine,
        owner: RecordingOwner,
        counters: RelayCounters,
        hosts: dict[int, RelayHost],
    ) -> IDataPlane:
        """Return a new plane."""
        raise NotImplementedError

    def setUp(self) -> None:
        self.network = MemoryNetwork(1)
        hosts = (RELAY_HOST, RELAY_HOST_IPV6)
        self.machine = HostsMachine({host: self.network.machine(host) for host in hosts})
        self.owner = RecordingOwner()
        self.counters = RelayCounters()
        self.quotas = Quotas(AllocationLimits(bandwidth_of_user=1000))
        self.streams = 0
        families = zip((IPV4_FAMILY, IPV6_FAMILY), hosts, strict=True)
        self.plane = self.makePlane(
            self.machine,
            self.owner,
            self.counters,
            {family: RelayHost(host, host) for family, host in families},
        )
        bound = self.plane.listen(1, "", 3478)
        self.assertEqual(bound[1], 3478)
        self.listening: Address = (RELAY_HOST, 3478)
        self.heard: list[tuple[bytes, Address]] = []
        self.peer_socket = self.network.machine(PEER_HOST).openDatagramSocket(
            lambda data, source: self.heard.append((data, source))
        )
        self.peer: Address = (PEER_HOST, self.peer_socket.address[1])

    def client(
        self, host: str = "198.51.100.1", families: tuple[int, ...] = (IPV4_FAMILY,),
        stream: bool = False,
    ) -> PlaneClient:
        """Return a client that was granted nothing yet."""
        return PlaneClient(self, host, families, stream)

    def fromPeer(self, data: bytes, to: Address) -> None:
        """Let the peer send."""
        self.peer_socket.send(data, to)
        self.network.settle()

    def passed(self) -> tuple[int, int, int, int]:
        """Return the counters of packets and bytes, from clients and to them."""
        counters = self.counters
        return (
            counters.packets_from_clients, counters.bytes_from_clients,
            counters.packets_to_clients, counters.bytes_to_clients,
        )
