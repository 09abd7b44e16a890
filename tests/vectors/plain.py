"""How values are written in the vectors."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["VECTORS", "plain", "write"]

#: Where the vectors are kept.
VECTORS = Path(__file__).parents[2] / "docs" / "vectors"


def plain(value: object) -> object:
    """Return a value as JSON has it: bytes become C{{"bytes": hexadecimal digits}}."""
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value


def write(name: str, vectors: object) -> None:
    """Write a file anew."""
    (VECTORS / name).write_text(json.dumps(vectors, indent=1) + "\n", "ascii")
