"""
Who is killed and who comes back, and when: decided by the frames that the players say
they have confirmed.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from attrs import define, field

from gamenet.demo.settings import DemoSettings

__all__ = ["Act", "Casualties"]


class Act(Enum):
    """What the parent is to do now."""

    #: Kill the process of player 1.
    KILL_HOST = "kill the host"
    #: Kill the lobby.
    KILL_LOBBY = "kill the lobby"
    #: Start the process that takes the place of player 1's.
    RETURN_HOST = "return the host"


@define
class Casualties:
    """
    The plan of one demo, and how far it is.

    @ivar settings: What was asked for.
    @ivar done: What was due so far, each with the last frame that was confirmed then by
        those whom it depends on.
    """

    settings: DemoSettings
    done: dict[Act, int] = field(init=False, factory=dict)

    def due(self, confirmed: Sequence[int]) -> list[Act]:
        """
        Return what is to be done now; nothing is returned twice.

        @param confirmed: How many frames each player has confirmed, in order of player
            number; of one who was killed it does not count.
        """
        settings = self.settings
        found: list[Act] = []
        self._note(found, Act.KILL_HOST, settings.kill_host_at, confirmed[0])
        killed = Act.KILL_HOST in self.done
        stayed = min(confirmed[1:] if killed else confirmed)
        self._note(found, Act.KILL_LOBBY, settings.kill_lobby_at, stayed)
        if killed:
            self._note(found, Act.RETURN_HOST, settings.rejoin_at, stayed)
        return found

    def _note(self, found: list[Act], act: Act, frame: int | None, confirmed: int) -> None:
        """Note that something is due, if it is."""
        if frame is not None and act not in self.done and confirmed > frame:
            self.done[act] = confirmed - 1
            found.append(act)
