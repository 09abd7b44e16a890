"""What clients may send and be sent: permissions and channels, as a data plane is told."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.relay.allocation import Allocation
from gamenet.relay.allocation_table import AllocationTable, BindRefusal
from gamenet.relay.credentials import Credential
from gamenet.relay.peer_policy import PeerPolicy, networks
from gamenet.relay.quotas import AllocationLimits
from gamenet.relay_plane.counters import DropReason
from gamenet.relay_plane.flow import Flow
from gamenet.relay_plane.grants import EndReason, Grants, GrantsChanged
from gamenet.relay_plane.relayed_port import RelayedPort
from tests.told_plane import ToldPlane

_RELAY = "203.0.113.2"
_FLOW = Flow(1, ("198.51.100.7", 50000))
_OTHER_FLOW = Flow(1, ("198.51.100.8", 1))
_PEER = ("198.51.100.9", 60000)
_HOST = (_PEER[0], False)


class _Told:
    """A table, and a plane that is told what changes."""

    def __init__(self, limits: AllocationLimits | None = None, *allowed: str) -> None:
        policy = PeerPolicy((_RELAY,), (3478,), networks(allowed))
        self.table = AllocationTable(policy, limits or AllocationLimits())
        self.plane = ToldPlane(self.table)

    def add(self, number: int = 1, flow: Flow = _FLOW, lifetime: int = 3600) -> Allocation:
        """Make an allocation."""
        port = RelayedPort(number, (_RELAY, 50_000 + number))
        credential = Credential("9:alice", "alice", b"key", b"other key")
        allocation = self.table.add(flow, credential, bytes(12), (port,), lifetime, 0.0)
        self.plane.tell((GrantsChanged(flow),), 0.0)
        return allocation

    def permit(
        self, allocation: Allocation, hosts: tuple[tuple[str, bool], ...], now: float
    ) -> bool:
        """Install permissions; return whether there was room."""
        self.sweep(now)
        effects = self.table.permit(allocation, hosts, now)
        self.plane.tell(effects or (), now)
        return effects is not None

    def bind(
        self,
        allocation: Allocation,
        number: int,
        peer: Address = _PEER,
        now: float = 0.0,
        guarded: bool = False,
    ) -> BindRefusal | None:
        """Bind a channel."""
        self.sweep(now)
        bound = self.table.bind(allocation, number, peer, guarded, now)
        if isinstance(bound, BindRefusal):
            return bound
        self.plane.tell(bound, now)
        return None

    def sweep(self, now: float) -> None:
        """Let end what ends by now."""
        self.plane.tell(self.table.sweep(now), now)

    def sent(self, peer: Address, now: float) -> tuple[int, Address] | DropReason:
        """Tell where a Send indication goes."""
        self.sweep(now)
        return self.plane.sendToPeer(_FLOW, peer, now)

    def onChannel(self, channel: int, now: float) -> tuple[int, Address] | DropReason:
        """Tell where ChannelData goes."""
        self.sweep(now)
        return self.plane.channelToPeer(_FLOW, channel, now)

    def back(self, peer: Address, now: float, number: int = 1) -> tuple[Flow, int] | DropReason:
        """Tell where a peer's datagram goes."""
        self.sweep(now)
        return self.plane.toClient(number, peer, now)


class GrantsTests(SynchronousTestCase):
    """The snapshot."""

    def test_contents(self) -> None:
        """All that the data plane needs, and none of what ended."""
        told = _Told()
        allocation = told.add()
        empty = Grants(_FLOW, (1,), (), (), allocation.allowance)
        self.assertEqual(told.table.grants(allocation), empty)
        told.bind(allocation, 0x4001)
        told.permit(allocation, ((_RELAY, True),), 1.0)
        self.assertEqual(
            told.table.grants(allocation),
            Grants(_FLOW, (1,), (_HOST, (_RELAY, True)), ((0x4001, _PEER),), allocation.allowance),
        )

    def test_effects(self) -> None:
        """Whoever only refreshes what is there costs the data plane nothing."""
        table = _Told().table
        credential = Credential("9:alice", "alice", b"key", b"other key")
        port = RelayedPort(1, (_RELAY, 50_001))
        allocation = table.add(_FLOW, credential, bytes(12), (port,), None, 0.0)
        changed = (GrantsChanged(_FLOW),)
        self.assertEqual(table.permit(allocation, (_HOST,), 0.0), changed)
        self.assertEqual(table.permit(allocation, (_HOST,), 1.0), ())
        self.assertEqual(table.permit(allocation, ((_PEER[0], True),), 1.0), changed)
        self.assertEqual(table.bind(allocation, 0x4000, _PEER, True, 2.0), changed)
        self.assertEqual(table.bind(allocation, 0x4000, _PEER, True, 3.0), ())
        self.assertEqual(table.bind(allocation, 0x4000, _PEER, False, 3.0), changed)
        self.assertEqual(table.sweep(303.0), changed)
        self.assertEqual(table.bind(allocation, 0x4000, _PEER, False, 303.0), changed)


class PermissionTests(SynchronousTestCase):
    """Who may send and be sent to."""

    def setUp(self) -> None:
        self.told = _Told()
        self.allocation = self.told.add()

    def test_bothWays(self) -> None:
        """"Data before permission dropped both ways"; with it, every port of the host may."""
        none = DropReason.NO_PERMISSION
        self.assertIs(self.told.sent(_PEER, 0.0), none)
        self.assertIs(self.told.back(_PEER, 0.0), none)
        self.assertTrue(self.told.permit(self.allocation, (_HOST,), 0.0))
        for port in (1, 60000, 65535):
            peer = (_PEER[0], port)
            self.assertEqual(self.told.sent(peer, 0.0), (1, peer))
            self.assertEqual(self.told.back(peer, 0.0), (_FLOW, 0))
        self.assertIs(self.told.sent(("198.51.100.10", 1), 0.0), none)
        self.assertIs(self.told.back(("198.51.100.10", 1), 0.0), none)
        self.assertIs(self.told.back(_PEER, 0.0, 7), DropReason.NO_ALLOCATION)

    def test_portZero(self) -> None:
        """Nothing is sent to port 0."""
        self.told.permit(self.allocation, (_HOST,), 0.0)
        self.assertIs(self.told.sent((_PEER[0], 0), 0.0), DropReason.PEER_FORBIDDEN)
        self.assertFalse(self.told.table.allowsPort((_PEER[0], 0), False, 0.0))
        self.assertTrue(self.told.table.allowsPort((_PEER[0], 1), False, 0.0))

    def test_expiry(self) -> None:
        """"Permission expiry 300 s", unless it is refreshed; to the moment, both ways."""
        self.told.permit(self.allocation, (_HOST,), 10.0)
        self.assertEqual(self.told.sent(_PEER, 309.9), (1, _PEER))
        none = DropReason.NO_PERMISSION
        self.assertIs(self.told.sent(_PEER, 310.0), none)
        self.assertIs(self.told.back(_PEER, 310.0), none)
        self.told.permit(self.allocation, (_HOST,), 310.0)
        self.assertEqual(self.told.back(_PEER, 609.9), (_FLOW, 0))

    def test_ended(self) -> None:
        """At its moment nothing of an allocation passes any more."""
        told = _Told()
        told.bind(told.add(lifetime=600), 0x4000, now=599.0)
        self.assertEqual(told.onChannel(0x4000, 599.9), (1, _PEER))
        self.assertEqual(told.back(_PEER, 599.9), (_FLOW, 0x4000))
        gone = DropReason.NO_ALLOCATION
        self.assertIs(told.onChannel(0x4000, 600.0), gone)
        self.assertIs(told.sent(_PEER, 600.0), gone)
        self.assertIs(told.back(_PEER, 600.0), gone)

    def test_limit(self) -> None:
        """"Permission count cap": 64 by default; all of a request or none of it."""
        hosts = tuple((f"198.51.100.{number}", False) for number in range(64))
        self.assertTrue(self.told.permit(self.allocation, hosts[:63], 0.0))
        extra = ("198.51.100.200", False)
        self.assertFalse(self.told.permit(self.allocation, (hosts[63], extra), 0.0))
        self.assertEqual(len(self.allocation.permissions), 63)
        self.assertTrue(self.told.permit(self.allocation, (hosts[63], hosts[63]), 0.0))
        self.assertFalse(self.told.permit(self.allocation, (extra,), 0.0))
        self.assertTrue(self.told.permit(self.allocation, hosts, 1.0))
        self.assertTrue(self.told.permit(self.allocation, (extra,), 301.0))
        self.assertEqual([each.host for each in self.allocation.permissions], [extra[0]])

    def test_setLimit(self) -> None:
        """The cap and the lifetime are settings."""
        told = _Told(AllocationLimits(permissions=1, permission_lifetime=5.0))
        allocation = told.add()
        self.assertTrue(told.permit(allocation, (("192.0.2.1", False),), 0.0))
        self.assertFalse(told.permit(allocation, (("192.0.2.2", False),), 4.9))
        self.assertTrue(told.permit(allocation, (("192.0.2.2", False),), 5.0))


class GuardedTests(SynchronousTestCase):
    """Peers on the relay's own host."""

    def setUp(self) -> None:
        self.told = _Told()
        self.allocation = self.told.add()
        self.other = self.told.add(2, _OTHER_FLOW, 600)
        self.told.permit(self.allocation, ((_RELAY, True),), 0.0)

    def test_liveRelayed(self) -> None:
        """"Peer = own relay address": as long as it is live, both ways, and no longer."""
        relayed = self.other.ports[0].port.address
        self.told.permit(self.allocation, ((_RELAY, True),), 290.0)
        self.told.permit(self.allocation, ((_RELAY, True),), 580.0)
        self.assertEqual(self.told.sent(relayed, 599.9), (1, relayed))
        self.assertEqual(self.told.back(relayed, 599.9), (_FLOW, 0))
        self.assertTrue(self.told.table.allowsPort(relayed, True, 599.9))
        self.assertFalse(self.told.table.allowsPort(relayed, True, 600.0))
        forbidden = DropReason.PEER_FORBIDDEN
        self.assertIs(self.told.sent(relayed, 600.0), forbidden)
        self.assertIs(self.told.back(relayed, 600.0), forbidden)

    def test_otherPorts(self) -> None:
        """"Peer = server listener", and every other port of ours: nothing goes there."""
        for port in (0, 22, 3478, 50_003):
            peer = (_RELAY, port)
            self.assertIs(self.told.sent(peer, 1.0), DropReason.PEER_FORBIDDEN)
            self.assertIs(self.told.back(peer, 1.0), DropReason.PEER_FORBIDDEN)
            self.assertFalse(self.told.table.allowsPort(peer, True, 1.0))

    def test_opened(self) -> None:
        """Where an operator opened the relay's host, all but the listener is reached."""
        told = _Told(None, "203.0.113.0/24")
        told.permit(told.add(), ((_RELAY, True),), 0.0)
        self.assertEqual(told.sent((_RELAY, 22), 1.0), (1, (_RELAY, 22)))
        self.assertIs(told.sent((_RELAY, 3478), 1.0), DropReason.PEER_FORBIDDEN)

    def test_channel(self) -> None:
        """A channel to a relayed address carries nothing once that is gone."""
        relayed = self.other.ports[0].port.address
        self.told.bind(self.allocation, 0x4000, relayed, guarded=True)
        self.assertEqual(self.told.onChannel(0x4000, 1.0), (1, relayed))
        self.told.plane.tell((self.told.table.remove(self.other, EndReason.DELETED, 1.0),), 1.0)
        self.assertIs(self.told.onChannel(0x4000, 1.0), DropReason.PEER_FORBIDDEN)


class ChannelTests(SynchronousTestCase):
    """Channels."""

    def setUp(self) -> None:
        self.told = _Told()
        self.allocation = self.told.add()

    def bind(self, number: int, peer: Address = _PEER, now: float = 0.0) -> BindRefusal | None:
        """Bind a channel."""
        return self.told.bind(self.allocation, number, peer, now)

    def test_bothWays(self) -> None:
        """A channel carries both ways, and permits its peer's host."""
        none = DropReason.NO_CHANNEL
        self.assertIs(self.told.onChannel(0x4000, 0.0), none)
        self.assertIsNone(self.bind(0x4000))
        self.assertEqual(self.told.onChannel(0x4000, 0.0), (1, _PEER))
        self.assertEqual(self.told.back(_PEER, 0.0), (_FLOW, 0x4000))
        self.assertIs(self.told.onChannel(0x4001, 0.0), none)

    def test_stranger(self) -> None:
        """A stranger's port on a permitted address becomes a Data indication."""
        self.bind(0x4000)
        self.assertEqual(self.told.back((_PEER[0], 1), 0.0), (_FLOW, 0))

    def test_taken(self) -> None:
        """"Same channel other peer & vice versa": refused, and nothing changes."""
        other = (_PEER[0], 60001)
        self.assertIsNone(self.bind(0x4000))
        self.assertIs(self.bind(0x4000, other), BindRefusal.TAKEN)
        self.assertIs(self.bind(0x4001), BindRefusal.TAKEN)
        self.assertIsNone(self.bind(0x4001, other))
        self.assertIs(self.bind(0x4001), BindRefusal.TAKEN)
        self.assertIs(self.bind(0x4000, other), BindRefusal.TAKEN)
        self.assertEqual(self.told.onChannel(0x4000, 0.0), (1, _PEER))
        self.assertEqual(self.told.onChannel(0x4001, 0.0), (1, other))
        self.assertEqual(self.told.table.counters.channels_active, 2)

    def test_expiry(self) -> None:
        """600 s unless refreshed; the permission within 300 s, whichever way it goes."""
        self.bind(0x4000, now=10.0)
        self.assertIs(self.told.onChannel(0x4000, 310.0), DropReason.NO_CHANNEL)
        self.assertIs(self.told.back(_PEER, 310.0), DropReason.NO_PERMISSION)
        self.told.permit(self.allocation, (_HOST,), 310.0)
        self.assertEqual(self.told.onChannel(0x4000, 609.9), (1, _PEER))
        self.assertEqual(self.told.back(_PEER, 609.9), (_FLOW, 0x4000))
        self.told.permit(self.allocation, (_HOST,), 609.9)
        self.assertIs(self.told.onChannel(0x4000, 610.0), DropReason.NO_CHANNEL)
        self.assertEqual(self.told.back(_PEER, 610.0), (_FLOW, 0))

    def test_refresh(self) -> None:
        """Binding it again refreshes the channel and the permission."""
        self.bind(0x4000)
        self.assertIsNone(self.bind(0x4000, now=290.0))
        self.assertEqual(self.told.onChannel(0x4000, 589.9), (1, _PEER))
        self.bind(0x4000, now=589.9)
        self.assertEqual(self.told.back(_PEER, 889.8), (_FLOW, 0x4000))

    def test_numberAgain(self) -> None:
        """After it expired a number can have another peer, and the peer another number."""
        other = (_PEER[0], 60001)
        self.bind(0x4000)
        self.assertIs(self.bind(0x4000, other, 599.9), BindRefusal.TAKEN)
        self.assertIsNone(self.bind(0x4000, other, 600.0))
        self.assertIsNone(self.bind(0x4001, _PEER, 600.0))
        self.assertEqual(self.told.back(_PEER, 600.0), (_FLOW, 0x4001))
        self.assertEqual(self.told.back(other, 600.0), (_FLOW, 0x4000))

    def test_limit(self) -> None:
        """64 channels by default; a bound one can always be refreshed."""
        for number in range(64):
            self.assertIsNone(self.bind(0x4000 + number, (_PEER[0], 1 + number)))
        self.assertIs(self.bind(0x4100, (_PEER[0], 1000)), BindRefusal.FULL)
        self.assertIsNone(self.bind(0x4000, (_PEER[0], 1)))
        self.assertIsNone(self.bind(0x4100, (_PEER[0], 1000), 600.0))

    def test_setLimit(self) -> None:
        """The cap and the lifetime are settings, and a full list of permissions refuses too."""
        told = _Told(AllocationLimits(channels=2, channel_lifetime=7.0, permissions=1))
        allocation = told.add()
        self.assertIsNone(told.bind(allocation, 0x4000))
        self.assertEqual(told.table.nextDue(), 7.0)
        full = told.bind(allocation, 0x4001, ("192.0.2.1", 1))
        self.assertIs(full, BindRefusal.FULL)
        self.assertEqual([each.number for each in allocation.channels], [0x4000])
        self.assertIsNone(told.bind(allocation, 0x4001, (_PEER[0], 1)))
        self.assertIs(told.bind(allocation, 0x4002, (_PEER[0], 2), 6.9), BindRefusal.FULL)
        self.assertIsNone(told.bind(allocation, 0x4002, (_PEER[0], 2), 7.0))
