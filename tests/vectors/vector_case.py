"""What the tests of the vectors share."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import MalformedMessage
from tests.foreign.malformed import Malformed
from tests.vectors.plain import VECTORS

__all__ = ["VectorTests", "octets", "read", "shown"]


def read(name: str) -> Any:
    """Return a file of vectors."""
    return json.loads((VECTORS / name).read_text("ascii"))


def octets(digits: str) -> bytes:
    """Return the bytes that hexadecimal digits stand for."""
    return bytes.fromhex(digits)


def shown(value: Any) -> Any:
    """Return what a client has read, as the vectors write it."""
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, (list, tuple)):
        return [shown(each) for each in value]
    return value


class VectorTests(SynchronousTestCase):
    """What the tests of all files share."""

    def refuses(
        self,
        decode: Callable[[bytes], object],
        ours: Callable[[bytes], object],
        malformed: dict[str, str],
    ) -> None:
        """What is malformed is refused by that name, by the client and by C{ours}."""
        taken = []
        for why, digits in malformed.items():
            for each, refusal in ((decode, Malformed), (ours, MalformedMessage)):
                try:
                    each(octets(digits))
                except refusal:
                    continue
                taken.append((why, refusal.__name__))
        self.assertEqual(taken, [])
