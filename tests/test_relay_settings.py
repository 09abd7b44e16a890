"""What an operator sets."""

from __future__ import annotations

from attrs import evolve, fields
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.relay.allocation import AllocationLimits
from gamenet.relay.counters import DropReason, RelayCounters
from gamenet.relay.settings import REALM_LIMIT, RelaySettings

_GOOD = RelaySettings((b"secret",))


class SettingsTests(SynchronousTestCase):
    """Good and bad settings."""

    def test_refused(self) -> None:
        """Command lines with bad options say what is wrong: each names the value."""
        for change, text in (
            ({"secrets": ()}, "secret"),
            ({"secrets": (b"a", b"")}, "empty"),
            ({"realm": ""}, "realm"),
            ({"realm": 'a"b'}, "realm"),
            ({"realm": "a\nb"}, "realm"),
            ({"realm": "\u30de"}, "realm"),
            ({"realm": "a" * (REALM_LIMIT + 1)}, "realm"),
            ({"interface": "localhost"}, "localhost"),
            ({"interface": "::1"}, "::1"),
            ({"relay_address": "example"}, "example"),
            ({"relay_address": "2001:db8::1"}, "IPv4"),
            ({"own_addresses": ("192.0.2.1", "x")}, "'x'"),
            ({"port": -1}, "-1"),
            ({"port": 65536}, "65536"),
            ({"port_range": (0, 10)}, "0 to 10"),
            ({"port_range": (11, 10)}, "11 to 10"),
            ({"port_range": (10, 65536)}, "65536"),
            ({"last_channel": 0x3FFF}, "channel"),
            ({"last_channel": 0x8000}, "channel"),
            ({"allow_peer": ("10.0.0.1/8",)}, "10.0.0.1/8"),
            ({"limits": AllocationLimits(default_lifetime=601, maximum_lifetime=600)}, "default"),
        ):
            error = self.assertRaises(BadSetting, evolve, _GOOD, **change)
            self.assertIn(text, str(error))

    def test_amounts(self) -> None:
        """Every limit and lifetime is above 0."""
        for name in (
            "reservations",
            "reservation_lifetime",
            "nonce_lifetime",
            "refusals_per_second",
            "refusals_burst",
            "open_attempts",
        ):
            for amount in (0, -1, float("nan")):
                error = self.assertRaises(BadSetting, evolve, _GOOD, **{name: amount})
                self.assertIn(name, str(error))
        for limit in fields(AllocationLimits):
            limits = AllocationLimits(**{limit.name: 0})
            error = self.assertRaises(BadSetting, evolve, _GOOD, limits=limits)
            self.assertIn(limit.name, str(error))

    def test_bounds(self) -> None:
        """What is just within is taken."""
        evolve(
            _GOOD,
            realm="a" * REALM_LIMIT,
            interface="0.0.0.0",
            relay_address="127.0.0.1",
            port=65535,
            port_range=(1, 65535),
            last_channel=0x4000,
            allow_peer=("127.0.0.0/8", "::1/128"),
            limits=AllocationLimits(default_lifetime=600, maximum_lifetime=600),
        )
        evolve(_GOOD, reservations=1, open_attempts=1, refusals_burst=0.5, nonce_lifetime=0.1)
        evolve(_GOOD, limits=AllocationLimits(1, 1, 1, 1, 1, 1, 1.0, 1.0, 1.0))
        evolve(_GOOD, port=0, port_range=(10, 10), last_channel=0x7FFF, interface="")

    def test_defaults(self) -> None:
        """RFC 8656's times, and limits that hold without anybody setting them."""
        limits = _GOOD.limits
        self.assertEqual(
            (limits.default_lifetime, limits.maximum_lifetime, limits.permission_lifetime,
             limits.channel_lifetime, limits.age),
            (600, 3600, 300.0, 600.0, 43_200.0),
        )
        self.assertEqual(
            (limits.allocations, limits.allocations_of_user, limits.permissions, limits.channels),
            (10_000, 16, 64, 64),
        )
        self.assertEqual((_GOOD.port, _GOOD.realm, _GOOD.allow_peer), (3478, "gamenet", ()))
        self.assertEqual((_GOOD.nonce_lifetime, _GOOD.reservation_lifetime), (600.0, 30.0))
        self.assertEqual((_GOOD.refusals_per_second, _GOOD.refusals_burst), (20.0, 100.0))

    def test_secretsAreNotShown(self) -> None:
        """Secrets do not get into logs by way of repr."""
        self.assertNotIn("secret", repr(RelaySettings((b"secret",))))


class CountersTests(SynchronousTestCase):
    """What a relay counts."""

    def test_asDict(self) -> None:
        """Everything is in it, in a form that JSON can hold."""
        counters = RelayCounters(packets_from_clients=3)
        counters.refused[438] = 1
        counters.refused[401] = 2
        counters.dropped[DropReason.MALFORMED] += 1
        told = counters.asDict()
        self.assertEqual(list(told), [each.name for each in fields(RelayCounters)])
        self.assertEqual(told["packets_from_clients"], 3)
        self.assertEqual(told["refused"], {"401": 2, "438": 1})
        dropped = told["dropped"]
        assert isinstance(dropped, dict)
        self.assertEqual(list(dropped), [reason.value for reason in DropReason])
        self.assertEqual((dropped["malformed"], dropped["not_stun"]), (1, 0))

    def test_separate(self) -> None:
        """Two relays do not count together."""
        one, other = RelayCounters(), RelayCounters()
        one.dropped[DropReason.MALFORMED] += 1
        one.refused[401] = 1
        self.assertEqual(other, RelayCounters())
