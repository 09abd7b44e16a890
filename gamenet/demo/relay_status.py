"""
What the relay itself says it has carried, from its status page.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.client import Agent, readBody

__all__ = ["fetchStatus", "packetsCarried"]


def fetchStatus(reactor: object, address: str) -> Deferred[dict[str, Any]]:
    """
    Fetch a status page.

    @param reactor: The reactor.
    @param address: The page's URL, from the ready file.
    @return: Fires with what it says.
    """
    return Deferred.fromCoroutine(_fetch(reactor, address))


async def _fetch(reactor: object, address: str) -> dict[str, Any]:
    agent = Agent(reactor, connectTimeout=5.0)
    response = await agent.request(b"GET", address.encode("ascii"))
    status: dict[str, Any] = json.loads(await readBody(response))
    return status


def packetsCarried(status: dict[str, Any]) -> int:
    """
    Return how many packets a relay took from its clients and carried on.

    @raise ValueError: The page does not say so.
    """
    carried = status.get("packets_from_clients")
    if not isinstance(carried, int):
        raise ValueError("no packets_from_clients in it")
    return carried
