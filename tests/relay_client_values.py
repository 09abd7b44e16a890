"""What the tests of the relay's client agree on with the relays that they play."""

from __future__ import annotations

from gamenet.interfaces import Address
from gamenet.wire.turn_credentials import longTermKey

__all__ = ["KEY", "PASSWORD", "REALM_TEXT", "RELAY", "USER", "Attributes"]

Attributes = tuple[tuple[int, bytes], ...]

RELAY: Address = ("203.0.113.2", 3478)
USER = "user"
PASSWORD = "password"
REALM_TEXT = "realm"
KEY = longTermKey(USER, REALM_TEXT, PASSWORD)
