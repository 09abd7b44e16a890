"""
The relay's decisions against a model that forgets nothing and sweeps nothing:
it only remembers until when everything was promised.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.relay.allocation import AllocationLimits
from gamenet.relay.counters import DropReason
from gamenet.wire.stun import decode
from gamenet.wire.turn import (
    EVEN_PORT,
    LIFETIME,
    REFRESH,
    RESERVATION_TOKEN,
    decodeLifetime,
    encodeEvenPort,
    encodeLifetime,
)
from tests.relay_desk import RELAY_HOST, Desk, codeOf

_CLIENTS: tuple[Address, ...] = (("198.51.100.1", 1), ("198.51.100.1", 2), ("198.51.100.2", 1))
_USERS = ("alice", "bob")
_PEERS: tuple[Address, ...] = (
    ("192.0.2.1", 10),
    ("192.0.2.1", 11),
    ("192.0.2.2", 10),
    ("192.0.2.3", 10),
)
_FORBIDDEN: tuple[Address, ...] = (
    ("127.0.0.1", 10),
    ("10.0.0.1", 10),
    (RELAY_HOST, 3478),
    ("192.0.2.1", 0),
)
_LIMITS = AllocationLimits(
    allocations=3, allocations_of_user=2, permissions=2, channels=2, maximum_lifetime=1000
)

clients = st.sampled_from(_CLIENTS)
users = st.sampled_from(_USERS)
peers = st.sampled_from(_PEERS)
numbers = st.sampled_from((0x3FFF, 0x4000, 0x4001, 0x4FFF, 0x5000))
lifetimes = st.sampled_from((None, 0, 1, 600, 700, 5000))


class Promised:
    """What a client was promised."""

    def __init__(self, user: str, expires: float, number: int) -> None:
        self.user = user
        self.expires = expires
        self.number = number
        self.permissions: dict[str, float] = {}
        self.channels: dict[int, tuple[Address, float]] = {}


class RelayModel(RuleBasedStateMachine):
    """Every request in every state, and packets both ways after each."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(_LIMITS, reservations=1)
        self.promised: dict[Address, Promised] = {}
        self.tokens: dict[bytes, tuple[str, float]] = {}

    @property
    def now(self) -> float:
        """The time."""
        return self.desk.now

    def live(self, client: Address) -> Promised | None:
        """What a client has."""
        promised = self.promised.get(client)
        return promised if promised is not None and promised.expires > self.now else None

    def used(self, user: str | None = None) -> int:
        """How many ports are taken, by one user or by all."""
        living = [each.user for each in self.promised.values() if each.expires > self.now]
        waiting = [owner for owner, expires in self.tokens.values() if expires > self.now]
        return sum(user in (None, each) for each in living + waiting)

    def mismatch(self, client: Address, user: str) -> int:
        """What every request but Allocate is refused with where the allocation is not theirs."""
        promised = self.live(client)
        if promised is None:
            return 437
        return 0 if promised.user == user else 441

    @staticmethod
    def clamp(lifetime: int | None) -> int:
        """What is granted for a lifetime."""
        return 600 if lifetime is None else min(1000, max(600, lifetime))

    def promise(self, client: Address, user: str, lifetime: int | None) -> None:
        """Note a granted Allocate."""
        allocation = self.desk.table.find(client, self.now)
        assert allocation is not None
        self.promised[client] = Promised(
            user, self.now + self.clamp(lifetime), allocation.port.number
        )

    @rule(
        client=clients,
        user=users,
        lifetime=lifetimes,
        pair=st.sampled_from((None, None, False, True)),
    )
    def allocate(
        self, client: Address, user: str, lifetime: int | None, pair: bool | None
    ) -> None:
        """An Allocate, with or without EVEN-PORT."""
        if self.live(client) is not None:
            expected = 437
        elif max(self.used() - 3, self.used(user) - 2) + (2 if pair else 1) > 0:
            expected = 486
        elif pair and any(expires > self.now for _, expires in self.tokens.values()):
            expected = 508
        else:
            expected = 0
        attributes: list[tuple[int, bytes]] = []
        if lifetime is not None:
            attributes.append((LIFETIME, encodeLifetime(lifetime)))
        if pair is not None:
            attributes.append((EVEN_PORT, encodeEvenPort(pair)))
        outcome = self.desk.allocate(tuple(attributes), user, client)
        assert codeOf(outcome) == expected
        if not expected:
            self.promise(client, user, lifetime)
            token = decode(outcome.answer or b"").first(RESERVATION_TOKEN)
            assert (token is not None) == bool(pair)
            if token is not None:
                self.tokens[token] = (user, self.now + 30.0)

    @rule(client=clients, user=users)
    def allocateReserved(self, client: Address, user: str) -> None:
        """An Allocate with a RESERVATION-TOKEN, the newest there was."""
        token = next(reversed(self.tokens), b"no token")
        owner, expires = self.tokens.get(token, ("", 0.0))
        if self.live(client) is not None:
            expected = 437
        elif owner == user and expires > self.now:
            expected = 0
        else:
            expected = 508
        outcome = self.desk.allocate(((RESERVATION_TOKEN, token),), user, client)
        assert codeOf(outcome) == expected
        if not expected:
            del self.tokens[token]
            self.promise(client, user, None)

    @rule(client=clients, user=users, lifetime=lifetimes)
    def refresh(self, client: Address, user: str, lifetime: int | None) -> None:
        """A Refresh, or a deletion."""
        expected = self.mismatch(client, user)
        value = () if lifetime is None else ((LIFETIME, encodeLifetime(lifetime)),)
        outcome = self.desk.ask(REFRESH, value, user, client)
        assert codeOf(outcome) == expected
        if expected:
            return
        granted = 0 if lifetime == 0 else self.clamp(lifetime)
        told = decode(outcome.answer or b"").first(LIFETIME)
        assert told is not None and decodeLifetime(told) == granted
        self.promised[client].expires = self.now + granted

    @rule(client=clients, user=users, some=st.lists(peers, min_size=1, max_size=3))
    def createPermission(self, client: Address, user: str, some: list[Address]) -> None:
        """A CreatePermission for some hosts at once."""
        expected = self.mismatch(client, user)
        promised = self.live(client)
        if promised is not None and not expected:
            held = {host for host, until in promised.permissions.items() if until > self.now}
            if len(held | {host for host, _ in some}) > 2:
                expected = 508
        assert codeOf(self.desk.permit(*some, client=client, user=user)) == expected
        if promised is not None and not expected:
            promised.permissions.update((host, self.now + 300.0) for host, _ in some)

    @rule(client=clients, user=users, number=numbers, peer=peers)
    def channelBind(self, client: Address, user: str, number: int, peer: Address) -> None:
        """A ChannelBind."""
        expected = self.mismatch(client, user)
        promised = self.live(client)
        if promised is not None and not expected:
            held = {host for host, until in promised.permissions.items() if until > self.now}
            bound = {
                each: to for each, (to, until) in promised.channels.items() if until > self.now
            }
            taken = bound.get(number, peer) != peer or any(
                to == peer and each != number for each, to in bound.items()
            )
            if taken or not 0x4000 <= number <= 0x4FFF:
                expected = 400
            elif len({*bound, number}) > 2 or len(held | {peer[0]}) > 2:
                expected = 508
        assert codeOf(self.desk.bind(number, peer, client, user)) == expected
        if promised is not None and not expected:
            promised.permissions[peer[0]] = self.now + 300.0
            promised.channels[number] = (peer, self.now + 600.0)

    @rule(client=clients, user=users, peer=st.sampled_from(_FORBIDDEN))
    def forbidden(self, client: Address, user: str, peer: Address) -> None:
        """A peer that nobody may have."""
        expected = self.mismatch(client, user) or 403
        assert codeOf(self.desk.bind(0x4000, peer, client, user)) == expected
        if peer[0] in ("127.0.0.1", "10.0.0.1"):
            assert codeOf(self.desk.permit(peer, client=client, user=user)) == expected

    @rule(seconds=st.sampled_from((0.5, 29.5, 30.0, 150.0, 299.5, 300.0, 600.0)))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.desk.now += seconds

    @invariant()
    def packets(self) -> None:
        """Packets go through exactly where it was promised, both ways."""
        table = self.desk.table
        for client in _CLIENTS:
            promised = self.live(client)
            for peer in _PEERS:
                sent = table.sendToPeer(client, peer, self.now)
                if promised is None:
                    assert sent is DropReason.NO_ALLOCATION
                    continue
                back = table.toClient(promised.number, peer, self.now)
                if promised.permissions.get(peer[0], 0.0) <= self.now:
                    assert sent is back is DropReason.NO_PERMISSION
                    continue
                assert sent == (promised.number, peer)
                channels = [
                    number
                    for number, (to, until) in promised.channels.items()
                    if to == peer and until > self.now
                ]
                assert back == (client, channels[0] if channels else 0)
                for number in channels:
                    assert table.channelToPeer(client, number, self.now) == sent

    @invariant()
    def ports(self) -> None:
        """After a sweep as many ports are open as were promised; none is leaked."""
        for ended in self.desk.table.sweep(self.now):
            del self.desk.opened[ended.number]
        for number in self.desk.reservations.sweep(self.now):
            del self.desk.opened[number]
        assert len(self.desk.opened) == self.used()
        assert len(self.desk.table) + len(self.desk.reservations) == self.used()


class ModelTests(SynchronousTestCase):
    """"Stateful property test": (allocation state x request)."""

    def test_model(self) -> None:
        """Whatever is asked in whatever order, the relay keeps to the model."""
        run_state_machine_as_test(
            RelayModel,
            settings=settings(deadline=None, max_examples=60, stateful_step_count=40),
        )
