"""
For the tests of L{gamenet.rollback.timeline}: a session that wants what a test says,
and a game that writes down what it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

from zope.interface import implementer

from gamenet.interfaces import (
    IBotSimulation,
    IChecksummed,
    IRollbackSession,
    ISavesInto,
    ISeatedSimulation,
    ISimulation,
)
from gamenet.rollback.state_difference import INamedParts
from gamenet.rollback.timeline_rules import TimelineRules

__all__ = ["BufferGame", "Diary", "GiftedDiary", "StubSession"]


@implementer(IRollbackSession)
class StubSession:
    """
    Gives no steps, and wants the checksums that it is set to want.

    @ivar wanted: The frames.
    @ivar taken: The checksums that it was told, by frame.
    """

    current_frame = 0
    confirmed_frame = -1
    state: Any = None
    statistics: Any = None

    def __init__(self, rules: TimelineRules | None = None) -> None:
        self.timeline_rules = TimelineRules() if rules is None else rules
        self.wanted: Sequence[int] = ()
        self.taken: dict[int, int] = {}

    def inputFrame(self, player: int | None = None) -> int | None:
        return None

    def advance(self, local_input: object, now: float) -> Sequence[Any]:
        return ()

    def packetReceived(self, peer: int, body: bytes, now: float) -> None:
        """Nothing."""

    def packetsDue(self, now: float) -> Sequence[tuple[int, bytes]]:
        return ()

    def checksumsWanted(self) -> Sequence[int]:
        return self.wanted

    def checksumTaken(self, frame: int, checksum: int) -> None:
        self.taken[frame] = checksum

    def dumpsWanted(self) -> Sequence[int]:
        return ()

    def dumpTaken(self, frame: int, dump: Any) -> None:
        """Nothing."""

    def drainEvents(self) -> Sequence[Any]:
        return ()


@implementer(ISimulation)
class Diary:
    """
    Its state is what it played.

    @ivar calls: What it was asked for.
    @ivar failing: The method that raises.
    @ivar answers: What methods return instead of the truth.
    """

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.state = b""
        self.failing = ""
        self.answers: dict[str, Any] = {}

    def note(self, method: str, *arguments: object) -> None:
        self.calls.append((method, *arguments))
        if self.failing == method:
            raise ZeroDivisionError(method)

    def advance(self, inputs: Sequence[bytes]) -> None:
        self.note("advance", inputs)
        self.state += b"".join(inputs)

    def save(self) -> bytes:
        self.note("save")
        return self.answers.get("save", self.state)  # type: ignore[no-any-return]

    def load(self, snapshot: bytes) -> None:
        self.note("load", snapshot)
        self.state = bytes(snapshot)


@implementer(ISeatedSimulation, IBotSimulation, IChecksummed, INamedParts)
class GiftedDiary(Diary):
    """The same, with everything that a simulation may offer but buffers."""

    def advanceSeated(self, inputs: Sequence[bytes], absent: Sequence[int]) -> None:
        self.note("advanceSeated", inputs, absent)
        self.state += b"".join(inputs)

    def botInput(self, player: int) -> bytes:
        self.note("botInput", player)
        return self.answers.get("botInput", b"%d!" % player)  # type: ignore[no-any-return]

    def checksum(self) -> int:
        self.note("checksum")
        return self.answers.get("checksum", len(self.state))  # type: ignore[no-any-return]

    def parts(self) -> Mapping[str, bytes]:
        self.note("parts")
        return self.answers.get(  # type: ignore[no-any-return]
            "parts", {"end": self.state[-2:], "length": b"%d" % len(self.state)}
        )


@implementer(ISavesInto)
class BufferGame:
    """
    Its state is a frame number and a hash, spread over many bytes.

    @ivar views: What it was given to load.
    @ivar written: How many bytes it writes, if not all.
    """

    def __init__(self, state_size: int = 100_000) -> None:
        self.state_size: Any = state_size
        self.state = memoryview(bytearray(state_size))
        self.views: list[object] = []
        self.written: int | None = None
        self.failing = ""

    def advance(self, inputs: Sequence[bytes]) -> None:
        state = self.state
        total = crc32(inputs[0], crc32(state[:64]))
        for place in range(0, 64, 4):
            total = crc32(b"%d" % place, total)
            state[place : place + 4] = total.to_bytes(4, "big")

    def save(self) -> bytes:
        return bytes(self.state)

    def load(self, snapshot: bytes | memoryview) -> None:
        self.views.append(snapshot)
        self.state[:] = snapshot

    def saveInto(self, buffer: memoryview) -> None:
        if self.failing == "saveInto":
            raise ZeroDivisionError("saveInto")
        buffer[: self.written] = self.state[: self.written]
