"""
What settings are good, and that each bad one is named.
"""

from __future__ import annotations

from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.lobby.relay_offer import RELAYS_LIMIT, RelayOffer
from gamenet.lobby.settings import LobbyClientSettings, LobbySettings

SECONDS_AND_RATES = (
    "heartbeat_interval",
    "heartbeat_timeout",
    "greeting_timeout",
    "closing_timeout",
    "sweep_interval",
    "list_interval",
    "requests_per_second",
    "refusals_per_second",
    "seat_grace",
    "result_lifetime",
    "log_lines_per_second",
)
COUNTS = (
    "clients_limit",
    "clients_per_address",
    "sessions_limit",
    "results_limit",
    "log_lines_burst",
    "capacity_limit",
    "candidates_limit",
    "list_limit",
    "requests_burst",
    "refusals_burst",
    "request_bytes",
    "write_limit",
)


class LobbySettingsTests(SynchronousTestCase):
    """L{LobbySettings}."""

    def assertBad(self, name: str, **values: Any) -> None:
        """Check that settings are refused by the name of the bad one."""
        with self.assertRaises(BadSetting) as caught:
            LobbySettings(**values)
        text = str(caught.exception)
        self.assertTrue(text.startswith(f"{name} must be "), text)
        self.assertTrue(text.endswith(f", not {values[name]!r}"), text)

    def test_defaults(self) -> None:
        """N1: a heartbeat every 3 s, lost after 10 s, both settings."""
        self.assertEqual(
            (LobbySettings().heartbeat_interval, LobbySettings().heartbeat_timeout), (3, 10)
        )

    def test_everyNumberIsChecked(self) -> None:
        """Zero, less, infinity, not-a-number, text and bool are refused for each by name."""
        bad = (0, -1, float("inf"), float("nan"), "3", True, None)
        for name in SECONDS_AND_RATES:
            for value in bad:
                self.assertBad(name, **{name: value})

    def test_everyCountIsChecked(self) -> None:
        """Zero, less, fractions, text and bool are refused for each by name."""
        for name in COUNTS:
            for value in (0, -1, 1.5, "3", True, None):
                self.assertBad(name, **{name: value})

    def test_everySettingIsInOneOfTheLists(self) -> None:
        """No setting escapes the checks above."""
        names = [attribute.name for attribute in attrs.fields(LobbySettings)]
        self.assertEqual(sorted(names), sorted([*SECONDS_AND_RATES, *COUNTS, "relay"]))

    def test_heartbeatBounds(self) -> None:
        """What a welcome can say: 0.1 s to an hour, and two intervals to a day."""
        LobbySettings(heartbeat_interval=0.1, heartbeat_timeout=0.2)
        LobbySettings(heartbeat_interval=3600, heartbeat_timeout=86_400)
        self.assertBad("heartbeat_interval", heartbeat_interval=0.09)
        self.assertBad("heartbeat_interval", heartbeat_interval=3601, heartbeat_timeout=8000)
        self.assertBad("heartbeat_timeout", heartbeat_interval=3, heartbeat_timeout=5.9)
        self.assertBad("heartbeat_timeout", heartbeat_timeout=86_401)

    def test_texts(self) -> None:
        """The text says what would be good."""
        for values, text in (
            ({"list_interval": 0}, "list_interval must be from 0.001 to 3600 seconds, not 0"),
            (
                {"sessions_limit": 0},
                "sessions_limit must be a whole number from 1 to 2147483647, not 0",
            ),
            (
                {"requests_per_second": 0},
                "requests_per_second must be from 0.001 to 1e+06 a second, not 0",
            ),
            (
                {"capacity_limit": 0},
                "capacity_limit must be a whole number from 1 to 32, not 0",
            ),
            (
                {"heartbeat_interval": 0.05},
                "heartbeat_interval must be from 0.1 to 3600 seconds, not 0.05",
            ),
            (
                {"heartbeat_timeout": 5},
                "heartbeat_timeout must be at least two heartbeat intervals (6.0 s), so that"
                " one lost datagram loses nobody, not 5",
            ),
        ):
            with self.assertRaises(BadSetting) as caught:
                LobbySettings(**values)
            self.assertEqual(str(caught.exception), text)

    def test_boundsOfTheWire(self) -> None:
        """No setting lets the lobby make a message that cannot be sent."""
        for name, lowest, highest in (
            ("capacity_limit", 1, 32),
            ("candidates_limit", 1, 15),
            ("list_limit", 1, 100),
            ("request_bytes", 1024, 65_536),
        ):
            LobbySettings(**{name: lowest})
            LobbySettings(**{name: highest})
            self.assertBad(name, **{name: lowest - 1})
            self.assertBad(name, **{name: highest + 1})

    @settings(max_examples=200, deadline=None)
    @given(st.dictionaries(st.sampled_from((*SECONDS_AND_RATES, *COUNTS)), st.integers(-3, 9000)))
    def test_goodOrBadSetting(self, values: dict[str, int]) -> None:
        """Whatever is given, there are settings or there is a L{BadSetting}."""
        try:
            made = LobbySettings(**values)
        except BadSetting:
            return
        self.assertGreaterEqual(made.heartbeat_timeout, 2 * made.heartbeat_interval)


class RelayOfferTests(SynchronousTestCase):
    """L{RelayOffer}."""

    def test_good(self) -> None:
        """An address, a secret, a lifetime; the secret is in no text."""
        offer = RelayOffer(("203.0.113.2", 3478), b"12345678")
        self.assertEqual(offer.lifetime, 86_400)
        self.assertNotIn("12345678", repr(offer))

    def test_bad(self) -> None:
        """Each bad value is named, and a short secret is not quoted."""
        good: dict[str, Any] = {"address": ("203.0.113.2", 3478), "secret": b"12345678"}
        for name, value in (
            ("address", ("relay.example.org", 3478)),
            ("address", ("203.0.113.2", 0)),
            ("address", ("0.0.0.0", 3478)),
            ("secret", b"1234567"),
            ("secret", "12345678"),
            ("lifetime", 0),
            ("lifetime", 1.5),
        ):
            with self.assertRaises(BadSetting) as caught:
                RelayOffer(**{**good, name: value})
            shown = "" if name == "secret" else f", not {value!r}"
            text = str(caught.exception)
            self.assertTrue(text.startswith(f"{name} must be "), text)
            self.assertTrue(text.endswith(shown), text)
            self.assertNotIn("1234567", text)

    def test_badFurtherAddresses(self) -> None:
        """Of several relays each is checked, and there is a limit."""
        good = ("203.0.113.2", 3478)
        most = (good,) * (RELAYS_LIMIT - 1)
        RelayOffer(good, b"12345678", further_addresses=most)
        for bad in ((*most, good), (("0.0.0.0", 1),), [good], (good, "203.0.113.3:3478")):
            with self.assertRaises(BadSetting) as caught:
                RelayOffer(good, b"12345678", further_addresses=bad)
            self.assertTrue(str(caught.exception).startswith("further_addresses must be "))


class LobbyClientSettingsTests(SynchronousTestCase):
    """L{LobbyClientSettings}."""

    def test_bad(self) -> None:
        """K9's limit of 5 s is the default; each value that cannot work is named."""
        self.assertEqual(LobbyClientSettings().request_timeout, 5)
        for name in (
            "connect_timeout",
            "request_timeout",
            "close_timeout",
            "binding_interval",
            "unanswered_limit",
            "pending_limit",
        ):
            for value in (0, -1, "x"):
                with self.assertRaises(BadSetting) as caught:
                    LobbyClientSettings(**{name: value})
                text = str(caught.exception)
                self.assertTrue(text.startswith(f"{name} must be "), text)
                self.assertTrue(text.endswith(f", not {value!r}"), text)
