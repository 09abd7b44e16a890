"""
For the tests of L{gamenet.rollback}: games whose snapshots are objects of their own,
a tuple of tuples and a persistent tree, and a mesh of sessions that plays them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from struct import Struct, pack
from typing import Any, TypeAlias
from zlib import crc32

import attrs
from zope.interface import implementer

from gamenet.interfaces import IChecksummed, IOwnsSnapshots
from gamenet.rollback.session import RollbackSession
from gamenet.rollback.state_difference import INamedParts
from gamenet.rollback.timeline import Timeline
from tests.rollback_mesh import Mesh

__all__ = ["OwnedMesh", "TreeGame", "TupleGame"]

#: How deep a tree is; it has 2 to that power leaves.
_DEPTH = 6

#: Each player's newest inputs, so many.
_REMEMBERED = 4

_Tree: TypeAlias = "tuple[_Tree, _Tree] | int"


@implementer(IOwnsSnapshots, IChecksummed)
class _OwnedGame:
    """
    What both games have.

    @ivar state: The whole state, which is never changed, only replaced; its first item
        is the frame.
    @ivar corrupt_at: The frame that leads to a wrong state.
    @ivar failing: The method that raises.
    @ivar answers: What methods return instead of the truth.
    @ivar calls: How often each method was called.
    @ivar strangers: How many objects it was to load that it had not made.
    """

    first: tuple[Any, ...]

    def __init__(self) -> None:
        self.state = self.first
        self.corrupt_at: int | None = None
        self.failing = ""
        self.answers: dict[str, Any] = {}
        self.calls: dict[str, int] = {}
        self.strangers = 0
        self._made: list[Any] = []

    @property
    def frame(self) -> int:
        """The frame that is played next."""
        frame: int = self.state[0]
        return frame

    def answer(self, method: str, truth: Any) -> Any:
        """Return the truth, or what a test wants instead."""
        self.calls[method] = self.calls.get(method, 0) + 1
        if self.failing == method:
            raise ZeroDivisionError(method)
        return self.answers.get(method, truth)

    def advance(self, inputs: Sequence[bytes]) -> None:
        corrupt = self.frame == self.corrupt_at
        self.state = self.played(inputs)
        if corrupt:
            self.state = self.corrupted()
        self.answer("advance", None)

    def played(self, inputs: Sequence[bytes]) -> tuple[Any, ...]:
        raise NotImplementedError

    def corrupted(self) -> tuple[Any, ...]:
        raise NotImplementedError

    def save(self) -> Any:
        return self.made(self.answer("save", self.state))

    def load(self, snapshot: Any) -> None:
        if not any(each is snapshot for each in self._made):
            self.strangers += 1
        self.state = self.answer("load", snapshot)

    def made(self, snapshot: Any) -> Any:
        """Remember that a snapshot comes from here."""
        self._made = [*self._made[-63:], snapshot]
        return snapshot


class TupleGame(_OwnedGame):
    """
    Tuples of tuples: the frame, and for each player a running hash and their newest
    inputs.
    """

    first = (0, ())

    def played(self, inputs: Sequence[bytes]) -> tuple[Any, ...]:
        frame, rows = self.state
        rows = rows or ((0, ()),) * len(inputs)
        return frame + 1, tuple(
            (crc32(b"%d %s" % (frame, text), total), (*newest, text)[-_REMEMBERED:])
            for text, (total, newest) in zip(inputs, rows, strict=True)
        )

    def corrupted(self) -> tuple[Any, ...]:
        frame, (first, (total, newest), *others) = self.state
        return frame, (first, (total ^ 1, newest), *others)

    def checksum(self) -> int:
        truth = crc32(self.pack(self.state))
        checksum: int = self.answer("checksum", truth)
        return checksum

    def pack(self, snapshot: Any) -> bytes:
        frame, rows = snapshot
        pieces = [pack("<IB", frame, len(rows))]
        for total, newest in rows:
            pieces.append(pack("<IB", total, len(newest)))
            pieces += [bytes([len(text)]) + text for text in newest]
        return b"".join(pieces)

    def encodeSnapshot(self, snapshot: Any) -> bytes:
        data: bytes = self.answer("encodeSnapshot", self.pack(snapshot))
        return data

    def decodeSnapshot(self, data: bytes) -> Any:
        place = 5
        rows = []
        for _ in range(data[4]):
            total, count = int.from_bytes(data[place : place + 4], "little"), data[place + 4]
            place += 5
            newest = []
            for _ in range(count):
                end = place + 1 + data[place]
                newest.append(data[place + 1 : end])
                place = end
            rows.append((total, tuple(newest)))
        snapshot = int.from_bytes(data[:4], "little"), tuple(rows)
        if self.pack(snapshot) != data:
            raise ValueError("no state")
        return self.made(self.answer("decodeSnapshot", snapshot))


@implementer(INamedParts)
class TreeGame(_OwnedGame):
    """
    A persistent dictionary: a tree of pairs of which every frame replaces a few, and
    shares all others with the states before; with a running hash as checksum.
    """

    first = (0, 0, 0)
    layout = Struct(f"<II{1 << _DEPTH}I")

    def __init__(self) -> None:
        tree: _Tree = 0
        for _ in range(_DEPTH):
            tree = (tree, tree)
        self.first = (0, 0, tree)
        super().__init__()

    def played(self, inputs: Sequence[bytes]) -> tuple[Any, ...]:
        frame, total, tree = self.state
        for player, text in enumerate(inputs, 1):
            key = crc32(b"%d %s" % (player, text)) % (1 << _DEPTH)
            value = crc32(text, frame + player)
            total = crc32(b"%d %d" % (key, value), total)
            tree = _with(tree, key, value, _DEPTH)
        return frame + 1, total, tree

    def corrupted(self) -> tuple[Any, ...]:
        frame, total, tree = self.state
        return frame, total ^ 1, _with(tree, 5, 99, _DEPTH)

    def checksum(self) -> int:
        checksum: int = self.answer("checksum", self.state[1])
        return checksum

    def parts(self) -> Mapping[str, bytes]:
        _, total, tree = self.state
        return {
            "total": b"%08x" % total,
            "tree": b"".join(b"%08x" % leaf for leaf in _leaves(tree)),
        }

    def encodeSnapshot(self, snapshot: Any) -> bytes:
        frame, total, tree = snapshot
        data: bytes = self.answer("encodeSnapshot", self.layout.pack(frame, total, *_leaves(tree)))
        return data

    def decodeSnapshot(self, data: bytes) -> Any:
        frame, total, *level = self.layout.unpack(data)
        while len(level) > 1:
            level = list(zip(level[::2], level[1::2], strict=True))
        return self.made(self.answer("decodeSnapshot", (frame, total, level[0])))


def _with(tree: Any, key: int, value: int, depth: int) -> Any:
    """Return a tree that has another value under a key, and shares everything else."""
    if not depth:
        return value
    left, right = tree
    if key >> (depth - 1) & 1:
        return left, _with(right, key, value, depth - 1)
    return _with(left, key, value, depth - 1), right


def _leaves(tree: Any) -> list[int]:
    """Return a tree's values in order of their keys."""
    if not isinstance(tree, tuple):
        return [tree]
    return _leaves(tree[0]) + _leaves(tree[1])


class OwnedMesh(Mesh):
    """
    A mesh that plays such a game.

    @ivar games: By peer.
    @ivar strangers: What was sent to somebody who is no peer: by whom, and the body.
    """

    games: dict[int, Any]
    strangers: list[tuple[int, bytes]]

    def __init__(
        self, game: Callable[[], Any], players: int, joining: Sequence[int] = (), **chosen: Any
    ) -> None:
        """
        @param game: Makes the game of a peer.
        @param joining: The peers who take their seats late.
        @param chosen: As for L{Mesh}.
        """
        # Only a session that joins may be told that its own seat is vacant.
        own = {peer: {"vacant": ()} for peer in joining}
        super().__init__(players, own=own, vacant=tuple(joining), **chosen)
        self.strangers = []
        for peer in self.sessions:
            if peer in joining:
                settings = attrs.evolve(self.sessions[peer].settings, vacant=tuple(joining))
                self.sessions[peer] = RollbackSession(settings, joining=True)
            self.games[peer] = game()
            self.timelines[peer] = Timeline(self.games[peer], self.sessions[peer])

    def send(self, sender: int, to: int, body: bytes) -> None:
        """Put a packet on its link, or aside."""
        if to in self.sessions:
            super().send(sender, to, body)
        else:
            self.strangers.append((sender, body))

    def called(self, method: str) -> list[int]:
        """Return how often each game's method was called, in order of peers."""
        return [game.calls.get(method, 0) for game in self.games.values()]
