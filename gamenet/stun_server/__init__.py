"""
Answers to Binding requests: where somebody is seen (RFC 8489), and how its router behaves
(RFC 5780).
"""

from __future__ import annotations

__all__: list[str] = []
