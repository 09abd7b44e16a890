"""What an operator sets."""

from __future__ import annotations

from attrs import evolve, fields
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.relay.allocation import AllocationLimits
from gamenet.relay.settings import REALM_LIMIT, RelaySettings
from gamenet.relay_plane.counters import DropReason, RelayCounters

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
            ({"udp": (("localhost", 3478),)}, "localhost"),
            ({"udp": (("", -1),)}, "-1"),
            ({"udp": (("", 65536),)}, "65536"),
            ({"udp": ()}, "nothing to listen at"),
            ({"udp": (("", 0),) * 65}, "udp"),
            ({"listen": ("tcp:0",) * 65}, "listen"),
            ({"probe_ports": (("x", 1),)}, "'x'"),
            ({"probe_ports": (("", 0),) * 65}, "probe_ports"),
            ({"alternate": ("192.0.2.2", 3479)}, "host of their own"),
            ({"udp": (), "listen": ("tcp:0",), "alternate": ("192.0.2.2", 1)}, "first address"),
            ({"relay_addresses": ("example",)}, "example"),
            ({"relay_addresses": ("192.0.2.1", "192.0.2.2")}, "relay_addresses"),
            ({"external_addresses": ("2001:db8::1", "2001:db8::2")}, "external_addresses"),
            ({"own_addresses": ("192.0.2.1", "x")}, "'x'"),
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

    def test_alternate(self) -> None:
        """RFC 5780: the second address is other in host and port, and of the same family."""
        listening = evolve(_GOOD, udp=(("192.0.2.1", 3478),))
        evolve(listening, alternate=("192.0.2.2", 3479))
        evolve(listening, udp=(("192.0.2.1", 0),), alternate=("192.0.2.2", 0))
        for alternate in (("192.0.2.1", 3479), ("192.0.2.2", 3478), ("2001:db8::1", 3479)):
            error = self.assertRaises(BadSetting, evolve, listening, alternate=alternate)
            self.assertIn("alternate", str(error))
        error = self.assertRaises(BadSetting, evolve, listening, alternate=("::", 3479))
        self.assertIn("of their own", str(error))

    def test_users(self) -> None:
        """Long-term users will do without a secret."""
        RelaySettings(users=(("alice", "pass"),))
        self.assertNotIn("pass", repr(RelaySettings(users=(("alice", "pass"),))))

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
            udp=(("0.0.0.0", 65535), ("::", 1)),
            relay_addresses=("127.0.0.1", "::1"),
            external_addresses=("198.51.100.1", "2001:db8::1"),
            port_range=(1, 65535),
            last_channel=0x4000,
            allow_peer=("127.0.0.0/8", "::1/128"),
            limits=AllocationLimits(default_lifetime=600, maximum_lifetime=600),
        )
        evolve(_GOOD, reservations=1, open_attempts=1, refusals_burst=1.0, nonce_lifetime=1.0)
        names = [limit.name for limit in fields(AllocationLimits)]
        evolve(_GOOD, limits=AllocationLimits(**dict.fromkeys(names, 1)))
        evolve(_GOOD, udp=(("", 0),), port_range=(10, 10), last_channel=0x7FFF)

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
        self.assertEqual((_GOOD.udp, _GOOD.realm, _GOOD.allow_peer), ((("", 3478),), "gamenet", ()))
        self.assertEqual((_GOOD.nonce_lifetime, _GOOD.reservation_lifetime), (600.0, 30.0))
        self.assertEqual((_GOOD.refusals_per_second, _GOOD.refusals_burst), (20.0, 100.0))
        self.assertEqual((_GOOD.bindings_per_second, _GOOD.drain_limit), (2000, 3600.0))
        streams = _GOOD.streams
        self.assertEqual((streams.connections, streams.connections_of_address), (8000, 1024))
        self.assertEqual((streams.silence, streams.partial), (30.0, 10.0))

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
        names = [each.name for each in fields(RelayCounters)]
        self.assertEqual(list(told), names)
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
