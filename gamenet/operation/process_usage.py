"""
What this process costs.
"""

from __future__ import annotations

import os
import time

__all__ = ["processUsage"]


def processUsage() -> dict[str, object]:
    """Return C{pid}, C{cpu_seconds} and, where the system tells it, C{resident_bytes}."""
    return {"pid": os.getpid(), "cpu_seconds": round(time.process_time(), 3), **_resident()}


def _resident() -> dict[str, object]:
    """Return the resident memory in bytes, where the system tells it (Linux)."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[1])
    except (OSError, ValueError, IndexError):
        return {}
    return {"resident_bytes": pages * os.sysconf("SC_PAGE_SIZE")}
