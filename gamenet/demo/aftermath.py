"""
What became of those who were killed, and what the others made of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import field, frozen

from gamenet.demo.settings import DemoSettings

__all__ = ["Aftermath", "Check", "Witness"]

#: Whose process is killed.
HOST = 1

#: So many frames at the most before the last one that a killed process confirmed may the
#: others begin to play without it.  It confirmed no frame before it had everybody's inputs
#: of it, and nobody gives one before it has those of some frames earlier (the prediction
#: window, 8, and the input delay) of everybody.
DROP_SLACK = 16


@frozen
class Check:
    """
    One thing that must hold.

    @ivar name: What, in a word.
    @ivar passed: Whether it does.
    @ivar text: What was found, in a sentence.
    """

    name: str
    passed: bool
    text: str


@frozen
class Witness:
    """
    What one player who stayed was told of the others.

    @ivar name: The player's name.
    @ivar player: The player's number.
    @ivar drops: The first frame without each player who was dropped.
    @ivar joins: The first frame with each player who took a seat again.
    @ivar host: Who the new host is, C{None} where nothing was said of one.
    """

    name: str
    player: int
    drops: Mapping[int, int] = field(factory=dict)
    joins: Mapping[int, int] = field(factory=dict)
    host: int | None = None


@frozen
class Aftermath:
    """
    What became of those who were killed, as far as the parent did it or was told.

    @ivar witnesses: The players who stayed, in order of player number.
    @ivar host_killed_at: The last frame that player 1 had confirmed when its process was
        killed, C{None} where that did not happen.
    @ivar lobby_killed_at: The last frame that all had confirmed when the lobby was
        killed, likewise.
    @ivar seat: The first frame with an input of the process that came back, as it was
        told itself; C{None} where it got no seat.
    @ivar state_bytes_received: How many bytes of state that process had got from the
        others by then.
    """

    witnesses: tuple[Witness, ...] = ()
    host_killed_at: int | None = None
    lobby_killed_at: int | None = None
    seat: int | None = None
    state_bytes_received: int | None = None

    @property
    def drop_frame(self) -> int | None:
        """The first frame without player 1; C{None} unless all who stayed say the same."""
        return _same([witness.drops.get(HOST) for witness in self.witnesses])

    @property
    def new_host(self) -> int | None:
        """Who is host instead of player 1; C{None} unless all who stayed say the same."""
        return _same([witness.host for witness in self.witnesses])

    @property
    def rejoined_at_frame(self) -> int | None:
        """The first frame with player 1 again; C{None} unless everybody says the same."""
        joined = [witness.joins.get(HOST) for witness in self.witnesses]
        return _same([self.seat, *joined]) if joined else None

    def checks(self, settings: DemoSettings) -> list[Check]:
        """Return what must hold of what was asked for, and of seats in any demo."""
        found = []
        if settings.kill_host_at is not None:
            found += [self._checkKill(settings), self._checkDrop(), self._checkHost()]
        if settings.rejoin_at is not None:
            found.append(self._checkReturn())
        if settings.kill_lobby_at is not None:
            found.append(self._checkLobby())
        others = [
            f"player {player} was dropped by {witness.name}, from frame {frame} on"
            for witness in self.witnesses
            for player, frame in sorted(witness.drops.items())
            if player != HOST or settings.kill_host_at is None
        ]
        if others:
            found.append(Check("seats", False, "; ".join(others)))
        return found

    def _checkKill(self, settings: DemoSettings) -> Check:
        name = settings.names[HOST - 1]
        if self.host_killed_at is None:
            return Check("host killed", False, f"{name}'s process was not killed")
        text = f"{name}'s process, having confirmed frame {self.host_killed_at}"
        return Check("host killed", True, text)

    def _checkDrop(self) -> Check:
        frames = [witness.drops.get(HOST) for witness in self.witnesses]
        frame, killed_at = self.drop_frame, self.host_killed_at
        if frame is not None:
            text = f"all who stayed play without player 1 from frame {frame} on"
            early = killed_at is not None and frame < killed_at - DROP_SLACK
            if early:
                text += f", though it had confirmed frame {killed_at} with them"
            return Check("dropped", not early, text)
        return Check("dropped", False, f"the first frame without player 1: {self._said(frames)}")

    def _checkHost(self) -> Check:
        hosts = [witness.host for witness in self.witnesses]
        stayed = {witness.player: witness.name for witness in self.witnesses}
        host = self.new_host
        if host is None:
            return Check("new host", False, f"the new host: {self._said(hosts)}")
        if host not in stayed:
            return Check("new host", False, f"player {host} is host, who did not stay")
        return Check("new host", True, f"{stayed[host]}, say all who stayed")

    def _checkReturn(self) -> Check:
        if self.seat is None:
            return Check("came back", False, "no process took the seat of player 1 again")
        frame, size = self.rejoined_at_frame, self.state_bytes_received
        if frame is None:
            joined = [witness.joins.get(HOST) for witness in self.witnesses]
            text = f"itself: {self.seat}; {self._said(joined)}"
            return Check("came back", False, f"the first frame with player 1 again: {text}")
        text = f"player 1 plays again from frame {frame} on, with {size} bytes of state"
        return Check("came back", bool(size), text)

    def _checkLobby(self) -> Check:
        if self.lobby_killed_at is None:
            return Check("lobby killed", False, "the lobby was not killed")
        text = f"all having confirmed frame {self.lobby_killed_at}"
        return Check("lobby killed", True, text)

    def _said(self, values: Sequence[int | None]) -> str:
        """Return what each who stayed says, in words."""
        if all(value is None for value in values):
            return "nobody was told"
        told = [
            f"{witness.name}: {'nothing' if value is None else value}"
            for witness, value in zip(self.witnesses, values, strict=True)
        ]
        return ", ".join(told)


def _same(values: Sequence[int | None]) -> int | None:
    """Return what all values are, C{None} where they differ or there are none."""
    return values[0] if values and all(value == values[0] for value in values) else None
