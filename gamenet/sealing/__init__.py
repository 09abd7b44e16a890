"""
What makes the packets between two players unreadable and unforgeable: their keys, the
sealed link, and how a process that returns comes to a new one.
"""

from __future__ import annotations

__all__: list[str] = []
