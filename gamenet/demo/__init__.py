"""
C{gamenet demo}: a whole match on one machine, with nothing to set up.

L{gamenet.demo.command} is the command line and L{gamenet.demo.launcher} the
parent of all processes; L{gamenet.demo.player} is one player's process, and
L{gamenet.demo.arena} the game that is played.
"""

from __future__ import annotations

__all__: list[str] = []
