"""The relay's decisions against a model that only remembers until when what was promised."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.relay.quotas import AllocationLimits
from gamenet.relay_plane.counters import DropReason
from gamenet.relay_plane.flow import Flow
from gamenet.wire.stun import decode
from gamenet.wire.turn import (
    ADDITIONAL_ADDRESS_FAMILY,
    ADDRESS_ERROR_CODE,
    EVEN_PORT,
    LIFETIME,
    REFRESH,
    REQUESTED_ADDRESS_FAMILY,
    RESERVATION_TOKEN,
    decodeLifetime,
    encodeAddressFamily,
    encodeEvenPort,
    encodeLifetime,
    familyOf,
)
from gamenet.wire.turn_transport import Transport
from tests.relay_desk import RELAY_HOST, Desk, codeOf

_CLIENTS = (
    Flow(1, ("198.51.100.1", 1)),
    Flow(1, ("198.51.100.1", 2)),
    Flow(2, ("198.51.100.1", 1)),
    Flow(7, ("198.51.100.2", 1), Transport.TLS),
)
_USERS = ("alice", "bob")
_PEERS: tuple[Address, ...] = (
    ("192.0.2.1", 10),
    ("192.0.2.1", 11),
    ("192.0.2.2", 10),
    ("2606:4700::9", 10),
    ("2606:4700::10", 10),
)
_FORBIDDEN: tuple[Address, ...] = (
    ("127.0.0.1", 10),
    ("10.0.0.1", 10),
    ("::1", 10),
    (RELAY_HOST, 3478),
    ("192.0.2.1", 0),
)
_LIMITS = AllocationLimits(
    allocations=5,
    allocations_of_user=4,
    allocations_of_address=4,
    permissions=2,
    permissions_of_user=3,
    permissions_of_address=4,
    permissions_in_total=4,
    channels=2,
    maximum_lifetime=1000,
    age=1500.0,
)

clients = st.sampled_from(_CLIENTS)
users = st.sampled_from(_USERS)
peers = st.sampled_from(_PEERS)
numbers = st.sampled_from((0x3FFF, 0x4000, 0x4001, 0x4FFF, 0x5000))
lifetimes = st.sampled_from((None, 0, 1, 600, 700, 5000))
families = st.sampled_from((None, None, 1, 2, "both"))


class Promised:
    """What a client was promised."""

    def __init__(self, user: str, host: str, created: float, ports: dict[int, int]) -> None:
        self.user = user
        self.host = host
        self.created = created
        self.numbers = ports
        self.expires: dict[int, float] = {}
        self.permissions: dict[str, float] = {}
        self.channels: dict[int, tuple[Address, float]] = {}

    def families(self, now: float) -> list[int]:
        """Return the families that still have a port."""
        return [family for family, until in self.expires.items() if until > now]

    def held(self, now: float) -> set[str]:
        """Return the hosts with a permission."""
        living = self.families(now)
        return {
            host
            for host, until in self.permissions.items()
            if until > now and familyOf(host) in living
        }

    def bound(self, now: float) -> dict[int, Address]:
        """Return the channels, with a permission or without."""
        living = self.families(now)
        return {
            number: peer
            for number, (peer, until) in self.channels.items()
            if until > now and familyOf(peer[0]) in living
        }


class RelayModel(RuleBasedStateMachine):
    """Every request in every state, and packets both ways after each."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(_LIMITS, reservations=1)
        self.promised: dict[Flow, Promised] = {}
        self.tokens: dict[bytes, tuple[str, str, float]] = {}

    @property
    def now(self) -> float:
        """The time."""
        return self.desk.now

    def live(self, client: Flow) -> Promised | None:
        """What a client has."""
        promised = self.promised.get(client)
        return promised if promised is not None and promised.families(self.now) else None

    def living(self) -> list[Promised]:
        """What all have."""
        return [each for each in map(self.live, self.promised) if each is not None]

    def room(self, user: str, host: str) -> int:
        """How many ports may be had."""
        taken = [
            (each.user, each.host) for each in self.living() for _ in each.families(self.now)
        ]
        taken += [(owner, at) for owner, at, until in self.tokens.values() if until > self.now]
        return min(
            5 - len(taken),
            4 - sum(owner == user for owner, _ in taken),
            4 - sum(at == host for _, at in taken),
        )

    def permissionRoom(self, promised: Promised) -> int:
        """How many permissions an allocation may have more."""
        counts = [(each.user, each.host, len(each.held(self.now))) for each in self.living()]
        return min(
            2 - len(promised.held(self.now)),
            3 - sum(count for user, _, count in counts if user == promised.user),
            4 - sum(count for _, host, count in counts if host == promised.host),
            4 - sum(count for _, _, count in counts),
        )

    def mismatch(self, client: Flow, user: str) -> int:
        """What every request but Allocate is refused with where the allocation is not theirs."""
        promised = self.live(client)
        if promised is None:
            return 437
        return 0 if promised.user == user else 441

    def clamp(self, promised: Promised, lifetime: int | None) -> int:
        """What is granted for a lifetime."""
        wanted = 600 if lifetime is None else min(1000, max(600, lifetime))
        return int(min(wanted, promised.created + 1500.0 - self.now))

    def promise(self, client: Flow, user: str, lifetime: int | None) -> None:
        """Note a granted Allocate."""
        ports = {held.family: held.port.number for held in self.desk.find(client).ports}
        promised = Promised(user, client.address[0], self.now, ports)
        until = self.now + self.clamp(promised, lifetime)
        promised.expires = dict.fromkeys(ports, until)
        self.promised[client] = promised

    @rule(
        client=clients,
        user=users,
        lifetime=lifetimes,
        family=families,
        pair=st.sampled_from((None, None, False, True)),
    )
    def allocate(
        self,
        client: Flow,
        user: str,
        lifetime: int | None,
        family: int | str | None,
        pair: bool | None,
    ) -> None:
        """An Allocate, with or without EVEN-PORT and families."""
        room = self.room(user, client.address[0])
        if self.live(client) is not None:
            expected = 437
        elif pair and family == "both":
            expected = 400
        elif room < (2 if pair else 1):
            expected = 486
        elif pair and any(until > self.now for _, _, until in self.tokens.values()):
            expected = 508
        else:
            expected = 0
        attributes: list[tuple[int, bytes]] = []
        if lifetime is not None:
            attributes.append((LIFETIME, encodeLifetime(lifetime)))
        if pair is not None:
            attributes.append((EVEN_PORT, encodeEvenPort(pair)))
        if family == "both":
            attributes.append((ADDITIONAL_ADDRESS_FAMILY, encodeAddressFamily(2)))
        elif isinstance(family, int):
            attributes.append((REQUESTED_ADDRESS_FAMILY, encodeAddressFamily(family)))
        outcome = self.desk.allocate(tuple(attributes), user, client)
        assert codeOf(outcome) == expected
        if expected:
            return
        self.promise(client, user, lifetime)
        message = decode(outcome.answer or b"")
        both = family == "both" and room > 1
        wanted = [1, 2] if both else [family if isinstance(family, int) else 1]
        assert self.promised[client].families(self.now) == wanted
        missing = message.first(ADDRESS_ERROR_CODE) is not None
        assert missing == (family == "both" and not both)
        token = message.first(RESERVATION_TOKEN)
        assert (token is not None) == bool(pair)
        if token is not None:
            self.tokens[token] = (user, client.address[0], self.now + 30.0)

    @rule(client=clients, user=users)
    def allocateReserved(self, client: Flow, user: str) -> None:
        """An Allocate with a RESERVATION-TOKEN, the newest there was."""
        token = next(reversed(self.tokens), b"no token")
        owner, _, until = self.tokens.get(token, ("", "", 0.0))
        if self.live(client) is not None:
            expected = 437
        elif owner != user or until <= self.now:
            expected = 508
        else:
            expected = 0
        outcome = self.desk.allocate(((RESERVATION_TOKEN, token),), user, client)
        assert codeOf(outcome) == expected
        if not expected:
            del self.tokens[token]
            self.promise(client, user, None)

    @rule(client=clients, user=users, lifetime=lifetimes, family=st.sampled_from((None, 1, 2)))
    def refresh(
        self, client: Flow, user: str, lifetime: int | None, family: int | None
    ) -> None:
        """A Refresh, or a deletion, of one family or of all."""
        expected = self.mismatch(client, user)
        promised = self.live(client)
        if promised is not None and not expected and family is not None:
            expected = 0 if family in promised.families(self.now) else 443
        value = [] if lifetime is None else [(LIFETIME, encodeLifetime(lifetime))]
        if family is not None:
            value.append((REQUESTED_ADDRESS_FAMILY, encodeAddressFamily(family)))
        outcome = self.desk.ask(REFRESH, tuple(value), user, client)
        assert codeOf(outcome) == expected
        if promised is None or expected:
            return
        granted = 0 if lifetime == 0 else self.clamp(promised, lifetime)
        told = decode(outcome.answer or b"").first(LIFETIME)
        assert told is not None and decodeLifetime(told) == granted
        for each in promised.families(self.now):
            if family in (None, each):
                promised.expires[each] = self.now + granted
                if lifetime != 0 and granted == int(promised.created + 1500.0 - self.now):
                    promised.expires[each] = promised.created + 1500.0

    @rule(client=clients, user=users, some=st.lists(peers, min_size=1, max_size=3))
    def createPermission(self, client: Flow, user: str, some: list[Address]) -> None:
        """A CreatePermission for some hosts at once."""
        expected = self.mismatch(client, user)
        promised = self.live(client)
        if promised is not None and not expected:
            added = {host for host, _ in some} - promised.held(self.now)
            living = promised.families(self.now)
            if any(familyOf(host) not in living for host, _ in some):
                expected = 443
            elif added and len(added) > self.permissionRoom(promised):
                expected = 508
        assert codeOf(self.desk.permit(*some, client=client, user=user)) == expected
        if promised is not None and not expected:
            promised.permissions.update((host, self.now + 300.0) for host, _ in some)

    @rule(client=clients, user=users, number=numbers, peer=peers)
    def channelBind(self, client: Flow, user: str, number: int, peer: Address) -> None:
        """A ChannelBind."""
        expected = self.mismatch(client, user)
        promised = self.live(client)
        if promised is not None and not expected:
            bound = promised.bound(self.now)
            taken = bound.get(number, peer) != peer or any(
                to == peer and each != number for each, to in bound.items()
            )
            new = peer[0] not in promised.held(self.now)
            if not 0x4000 <= number <= 0x4FFF:
                expected = 400
            elif familyOf(peer[0]) not in promised.families(self.now):
                expected = 443
            elif taken:
                expected = 400
            elif len({*bound, number}) > 2 or (new and self.permissionRoom(promised) < 1):
                expected = 508
        assert codeOf(self.desk.bind(number, peer, client, user)) == expected
        if promised is not None and not expected:
            promised.permissions[peer[0]] = self.now + 300.0
            promised.channels[number] = (peer, self.now + 600.0)

    @rule(client=clients, user=users, peer=st.sampled_from(_FORBIDDEN))
    def forbidden(self, client: Flow, user: str, peer: Address) -> None:
        """A peer that nobody may have."""
        expected = self.mismatch(client, user) or 403
        promised = self.live(client)
        if expected == 403 and promised is not None and peer[0] in (RELAY_HOST, "192.0.2.1"):
            expected = 403 if 1 in promised.families(self.now) else 443
        assert codeOf(self.desk.bind(0x4000, peer, client, user)) == expected
        if peer[0] in ("127.0.0.1", "10.0.0.1", "::1"):
            assert codeOf(self.desk.permit(peer, client=client, user=user)) == expected

    @rule(client=st.sampled_from(_CLIENTS[3:]))
    def disconnect(self, client: Flow) -> None:
        """A stream ends."""
        self.desk.sweep()
        self.desk.do(self.desk.desk.disconnected(client, self.now))
        self.promised.pop(client, None)

    @rule(seconds=st.sampled_from((0.5, 29.5, 30.0, 150.0, 299.5, 300.0, 600.0)))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.desk.now += seconds

    @invariant()
    def packets(self) -> None:
        """Packets go through exactly where it was promised, both ways."""
        self.desk.sweep()
        plane = self.desk.plane
        for client in _CLIENTS:
            promised = self.live(client)
            for peer in _PEERS:
                sent = plane.sendToPeer(client, peer, self.now)
                if promised is None:
                    assert sent is DropReason.NO_ALLOCATION
                    continue
                if peer[0] not in promised.held(self.now):
                    assert sent is DropReason.NO_PERMISSION
                    continue
                number = promised.numbers[familyOf(peer[0])]
                assert sent == (number, peer)
                bound = promised.bound(self.now)
                channels = [each for each, to in bound.items() if to == peer]
                back = plane.toClient(number, peer, self.now)
                assert back == (client, channels[0] if channels else 0)
                for each in channels:
                    assert plane.channelToPeer(client, each, self.now) == sent

    @invariant()
    def told(self) -> None:
        """A plane that is told of every effect, and of nothing else, knows all there is."""
        self.desk.sweep()
        table = self.desk.table
        assert self.desk.plane.grants == {
            flow: table.grants(allocation) for flow, allocation in table._by_flow.items()
        }

    @invariant()
    def counts(self) -> None:
        """As many ports are open and counted as were promised; none is leaked."""
        self.desk.sweep()
        quotas = self.desk.table.quotas
        ports = sum(len(each.families(self.now)) for each in self.living())
        waiting = sum(until > self.now for _, _, until in self.tokens.values())
        assert len(self.desk.opened) == quotas.total.allocations == ports + waiting
        permissions = sum(len(each.held(self.now)) for each in self.living())
        channels = sum(len(each.bound(self.now)) for each in self.living())
        counters = self.desk.counters
        assert quotas.total.permissions == counters.permissions_active == permissions
        assert counters.channels_active == channels
        assert counters.allocations_active == len(self.living())
        assert sum(counters.relayed_ports_by_family.values()) == ports
        assert counters.reservations_active == waiting

    def teardown(self) -> None:
        """After everything expired, every count is 0."""
        self.desk.now += 10_000.0
        self.desk.sweep()
        quotas = self.desk.table.quotas
        assert (quotas.total.allocations, quotas.total.permissions) == (0, 0)
        assert quotas._users.by_name == quotas._addresses.by_name == {}
        assert self.desk.opened == self.desk.plane.grants == self.desk.table._by_relayed == {}
        assert self.desk.desk.nextDue() is None


class ModelTests(SynchronousTestCase):
    """"Stateful property test": (allocation state x request)."""

    def test_model(self) -> None:
        """Whatever is asked in whatever order, the relay keeps to the model."""
        run_state_machine_as_test(
            RelayModel,
            settings=settings(deadline=None, max_examples=60, stateful_step_count=40),
        )
