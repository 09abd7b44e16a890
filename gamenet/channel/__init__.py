"""
What one link carries beside the game's datagrams: reliable ordered messages and large
transfers, at the rate that the path allows and without a queue that the game would feel.
L{gamenet.channel.channel} is the door.  Pure.
"""

from __future__ import annotations

__all__: list[str] = []
