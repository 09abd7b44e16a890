"""Agreement on who plays, the feed, and states asked for: the other bodies of INPUTS packets;
C{docs/rollback_packets.rst}."""

from __future__ import annotations

from struct import calcsize, error, unpack_from
from typing import Any

from tests.foreign.malformed import Malformed, require

__all__ = ["decodeControl", "decodeFeed", "decodeView"]

_FRAMES = 1 << 31


def players(mask: int) -> list[int]:
    """Return the numbers that a set's bits stand for."""
    return [number for number in range(1, 17) if mask >> number - 1 & 1]


class _Reader:
    """Takes numbers from the front of a body."""

    def __init__(self, body: bytes) -> None:
        self.body, self.at = body, 1

    def take(self, layout: str) -> list[Any]:
        """Return what a C{struct} layout says comes next."""
        try:
            found = unpack_from(">" + layout, self.body, self.at)
        except error as why:
            raise Malformed("cut off") from why
        self.at += calcsize(">" + layout)
        return list(found)

    def one(self, layout: str) -> Any:
        """Return the next number."""
        return self.take(layout)[0]

    def end(self) -> None:
        """Require that nothing is left."""
        require(self.at == len(self.body), "something behind it")


def decodeView(body: bytes) -> dict[str, Any]:
    """Return what a body 0x10 to 0x19 says."""
    require(0 < len(body) <= 155 and 0x10 <= body[0] <= 0x19, "no message about views")
    reader = _Reader(body)
    kind = body[0] - 0x10
    name = ("prepare", "promise", "accept", "accepted", "commit", "commit_ack", "leave", "outbid",
            "join_request", "join_refused")[kind]
    said: dict[str, Any] = {"message": name}
    if kind < 8:
        said["view"] = reader.one("H")
        require(said["view"] or kind in (5, 6), "view 0 is not decided")
    if kind in (0, 1, 2, 3, 7):
        said["ballot"] = _ballot(reader)
    if kind == 0:
        suspects, leavers = reader.take("HH")
        require(not suspects & leavers, "suspected and leaving")
        said |= {"suspects": players(suspects), "leavers": players(leavers)}
    elif kind == 1:
        _promise(reader, said)
    elif kind in (2, 4):
        said["seating"] = _seating(reader, _count(reader))
    elif kind == 8:
        digest, known, frame, hears = reader.take("16sHIB")
        require(hears < 2 and frame <= _FRAMES, "no request")
        said |= {"digest": digest, "known_view": known, "frame": frame, "hears_all": bool(hears)}
    elif kind == 9:
        said["reason"] = reader.one("B")
        require(said["reason"] < 5, "no reason")
    reader.end()
    return said


def _ballot(reader: _Reader) -> list[int]:
    ballot = reader.take("IB")
    require(0 < ballot[0] < 1 << 31 and 1 <= ballot[1] <= 16, "no ballot")
    return ballot


def _count(reader: _Reader) -> int:
    count = int(reader.one("B"))
    require(1 <= count <= 16, "no number of players")
    return count


def _frames(reader: _Reader, count: int) -> list[int]:
    frames = reader.take(f"{count}I")
    require(all(frame <= _FRAMES for frame in frames), "a frame out of bounds")
    return frames


def _promise(reader: _Reader, said: dict[str, Any]) -> None:
    flags, confirmed, horizon = reader.take("BII")
    require(flags < 4 and max(confirmed, horizon) <= _FRAMES, "no promise")
    count = _count(reader)
    said |= {"leaving": bool(flags & 1), "confirmed_frame": confirmed - 1, "horizon": horizon}
    said["floors"] = _frames(reader, count)
    said["accepted"] = [_ballot(reader), _seating(reader, count)] if flags & 2 else None


def _seating(reader: _Reader, count: int) -> dict[str, Any]:
    members, taken = reader.take("HH")
    require(members and not members & ~taken and not taken >> count, "no seating")
    return {"members": players(members), "taken": players(taken), "since": _frames(reader, count)}


def decodeFeed(body: bytes) -> dict[str, Any]:
    """Return what a body 0x30 to 0x33 says."""
    require(0 < len(body) <= 1150 and 0x30 <= body[0] <= 0x33, "no packet of the feed")
    reader = _Reader(body)
    said: dict[str, Any] = {
        "message": ("frames", "follow", "unfollow", "refused")[body[0] - 0x30]
    }
    if body[0] == 0x30:
        first, committed, current, count = reader.take("IIIB")
        require(1 <= count <= 16 and max(committed, current) <= _FRAMES, "no frames")
        rows = _rows(reader, count)
        require(first + len(rows) <= committed, "frames that are not committed")
        said |= {"first_frame": first, "committed": committed, "current_frame": current,
                 "players": count, "rows": rows}
    elif body[0] == 0x31:
        digest, number, wanted, flags = reader.take("16sIIB")
        nothing = wanted == 0xFFFFFFFF
        require(flags < 2 and (wanted <= _FRAMES or nothing), "no follow")
        said |= {"digest": digest, "number": number, "next_wanted": None if nothing else wanted,
                 "paused": bool(flags)}
    elif body[0] == 0x33:
        said["reason"] = reader.one("B")
        require(said["reason"] < 3, "no reason")
    reader.end()
    return said


def _rows(reader: _Reader, count: int) -> list[dict[str, Any]]:
    """Return each frame's inputs, and who is absent."""
    mask = "B" if count <= 8 else "H"
    inputs, absent, full, total = [b""] * count, 0, True, 0
    rows: list[dict[str, Any]] = []
    while reader.at < len(reader.body):
        head = reader.one("B")
        said = bool(head & 0x80)
        if said:
            former, absent = absent, reader.one(mask)
            require(absent != former and not absent >> count, "no absent players")
        changed = reader.one(mask)
        require(not changed >> count and (changed or said or full), "nothing new")
        for place in range(count):
            if changed >> place & 1:
                text = reader.one(f"{reader.one('B')}s")
                require(text != inputs[place] and len(text) <= 64, "nothing new, or too long")
                inputs[place] = text
        frames = (head & 0x7F) + 1
        total += frames * sum(map(len, inputs))
        require(len(rows) + frames <= 600 and total <= 65_536, "too many")
        rows += [{"inputs": list(inputs), "absent": players(absent)}] * frames
        full = frames == 128
    return rows


def decodeControl(body: bytes) -> dict[str, Any]:
    """Return what a body 0x28, or 0x40 to 0x44, says."""
    require(body, "nothing")
    reader = _Reader(body)
    if body[0] == 0x28:
        purpose, frame = reader.take("BI")
        require(purpose in (1, 2) and frame < _FRAMES, "no state wanted")
        said: dict[str, Any] = {"message": "state_wanted", "purpose": purpose, "frame": frame}
        reader.end()
        return said
    require(0x40 <= body[0] <= 0x44, "no packet of a transfer")
    purpose, number = reader.take("BI")
    require(purpose < 3 and number, "no transfer")
    name = ("offer", "chunk", "receipt", "refusal", "withdrawal")[body[0] - 0x40]
    said = {"message": name, "purpose": purpose, "number": number}
    if name == "offer":
        frame, size, checksum = reader.take("II16s")
        require(frame <= _FRAMES and size <= 0xFFFF * 1100, "out of bounds")
        said |= {"frame": frame, "size": size, "checksum": checksum}
    elif name == "chunk":
        said["index"] = reader.one("H")
        said["content"] = body[reader.at :]
        reader.at = len(body)
        require(1 <= len(said["content"]) <= 1100, "a chunk of another length")
    elif name == "receipt":
        said["count"], said["bitmap"] = reader.take("HQ")
    elif name == "refusal":
        said["reason"] = reader.one("B")
        require(said["reason"] < 4, "no reason")
    reader.end()
    return said
