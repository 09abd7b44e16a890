"""
Golden bytes: what each released version put on the wire, kept for ever.

A C{version_N} folder holds tables of hexadecimal bytes by name, and
C{samples_of_version_N} the values that they stand for.  A line of them is never changed
once its version is released; later versions add folders.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["readTable"]


def readTable(version: int, name: str) -> dict[str, bytes]:
    """
    Return the golden bytes of one table, by the names of the samples.

    @param version: The protocol version.
    @param name: The table, for example C{"lobby_messages"}.
    """
    path = Path(__file__).parent / f"version_{version}" / f"{name}.hex"
    table: dict[str, bytes] = {}
    for line in path.read_text(encoding="ascii").splitlines():
        if line and not line.startswith("#"):
            label, digits = line.split()
            if label in table:
                raise ValueError(f"{label} is twice in {path}")
            table[label] = bytes.fromhex(digits)
    return table
