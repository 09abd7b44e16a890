"""
What the participants of a session know together, apart from the game's inputs: who
takes part, what is being played, what is set and said.  One of them, the host, puts it in
order; everybody else can take over.  Pure: told the time, given messages, returning them.
"""

from __future__ import annotations

__all__: list[str] = []
