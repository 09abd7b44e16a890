"""
Added to aioice's own suite as C{tests/test_external.py}: those of its tests that a
server of somebody else can pass.

Left out is what makes the suite's own server fail at will, and what needs no server.
"""

from __future__ import annotations

import ssl
import unittest
from collections.abc import Callable, Coroutine
from typing import Any

from tests.test_ice import IceConnectionTest
from tests.test_turn import TurnTest
from tests.turnserver import CannotPretend, get_tls_credentials
from tests.utils import asynctest

__all__ = ["ExternalIceTest", "ExternalTurnTest"]

_TRANSPORTS = {"udp": "udp", "tcp": "tcp", "tls": "tcp"}

_PARTS = ("ok", "ok_multi", "data_indication", "allocate_failure", "close_pending_send")

_OF_TURN = (
    "udp_transport_cancelled",
    "udp_transport_close_at_shutdown",
    "udp_transport_related_address",
)

_OF_ICE = (
    "connect_with_stun_server",
    "connect_relay_only",
    "connect_with_turn_server_tcp",
    "connect_with_turn_server_udp",
    "connect_with_turn_server_udp_auth_failed",
    "gather_candidates_relay_only_with_turn_server",
)


class _Turn(TurnTest):
    """Not collected: the class above it has tests that pretend."""

    __test__ = False


class _Ice(IceConnectionTest):
    """Not collected, as above."""

    __test__ = False


class ExternalTurnTest(unittest.TestCase):
    """What aioice asks of a TURN server."""


class ExternalIceTest(unittest.TestCase):
    """What aioice does with a TURN server to connect."""


# Only these are collected, not those that they are taken from.
del TurnTest, IceConnectionTest


def _part(transport: str, part: str) -> Callable[..., None]:
    @asynctest
    async def test(self: unittest.TestCase) -> None:
        context = None
        if transport == "tls":
            context = ssl.SSLContext(protocol=ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(cadata=get_tls_credentials()[0])
        asked: Callable[..., Coroutine[Any, Any, None]]
        asked = getattr(_Turn(), f"_test_transport_{part}")
        played = asked(
            transport=_TRANSPORTS[transport],
            server_addr_attr=f"{transport}_address",
            ssl=context,
        )
        if part == "allocate_failure":
            # An unknown user and a wrong password come first; then it wants to pretend.
            with self.assertRaises(CannotPretend):
                await played
        else:
            await played

    return test


def _same(case: type[unittest.TestCase], name: str) -> Callable[..., None]:
    def test(self: unittest.TestCase) -> None:
        getattr(case(), name)()

    return test


for _transport in _TRANSPORTS:
    for _each in _PARTS:
        setattr(ExternalTurnTest, f"test_{_transport}_{_each}", _part(_transport, _each))
for _each in _OF_TURN:
    setattr(ExternalTurnTest, f"test_{_each}", _same(_Turn, f"test_{_each}"))
for _each in _OF_ICE:
    setattr(ExternalIceTest, f"test_{_each}", _same(_Ice, f"test_{_each}"))
