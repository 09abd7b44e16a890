"""What is in a CHANNEL packet, and the receiving side of it; C{docs/channel.rst}."""

from __future__ import annotations

from typing import Any

from tests.foreign.malformed import Malformed, require

__all__ = ["Receiver", "acknowledgementOf", "decodeBody", "encodeBody"]

#: What each frame says behind its kind: names and sizes; a name with size 0 is bytes
#: whose length is the number before.
_FRAMES: dict[str, tuple[tuple[str, int], ...]] = {
    "Piece": (("offset", 8), ("length", 2), ("content", 0)),
    "Window": (("limit", 8),),
    "Offer": (("transfer", 4), ("label", 2), ("size", 4), ("checksum", -16), ("length", 1),
              ("header", 0)),
    "Accept": (("transfer", 4), ("window", 4)),
    "Refuse": (("transfer", 4), ("reason", 1)),
    "Chunk": (("transfer", 4), ("offset", 4), ("length", 2), ("content", 0)),
    "Cancel": (("transfer", 4),),
    "Done": (("transfer", 4),),
}
_KINDS = {0x20: "Offer", 0x21: "Accept", 0x22: "Refuse", 0x23: "Chunk", 0x24: "Cancel",
          0x25: "Done"}


def encodeBody(number: int | None, acknowledgement: bytes, frames: list[dict[str, Any]]) -> bytes:
    """Return a body; C{frames} name their C{frame} and its fields."""
    body = bytes([(number is not None) | (bool(acknowledgement) << 1)])
    if number is not None:
        body += number.to_bytes(4, "big")
    return body + acknowledgement + b"".join(map(_encodeFrame, frames))


def acknowledgementOf(ranges: list[tuple[int, int]], waited: int, received_at: int) -> bytes:
    """
    Return an acknowledgement.

    @param ranges: First and last numbers that came, the topmost first.
    @param waited: In units of 16 microseconds.
    @param received_at: In microseconds of our clock.
    """
    (low, high), *others = ranges
    data = high.to_bytes(4, "big") + min(waited, 0xFFFF).to_bytes(2, "big")
    data += (received_at % (1 << 32)).to_bytes(4, "big")
    data += bytes([len(others)]) + (high - low).to_bytes(2, "big")
    for first, last in others:
        data += (low - last - 2).to_bytes(2, "big") + (last - first).to_bytes(2, "big")
        low = first
    return data


def _encodeFrame(frame: dict[str, Any]) -> bytes:
    name = frame["frame"]
    if name in ("Piece", "Window"):
        data = bytes([(0x10 if name == "Piece" else 0x14) + frame["stream"]])
    else:
        data = bytes([next(kind for kind, each in _KINDS.items() if each == name)])
    content = frame.get("content", frame.get("header", b""))
    for field, size in _FRAMES[name]:
        if size <= 0:
            data += frame[field]
        else:
            data += (len(content) if field == "length" else frame[field]).to_bytes(size, "big")
    return data


def decodeBody(body: bytes) -> tuple[int | None, dict[str, Any] | None, list[dict[str, Any]]]:
    """Return a body's number, its acknowledgement, and its frames."""
    require(2 <= len(body) <= 1150 and body[0] in (1, 2, 3), "no packet of a channel")
    at, number, acknowledgement = 1, None, None
    if body[0] & 1:
        number, at = int.from_bytes(body[1:5], "big"), 5
        require(number and len(body) > 5, "a number without frames, or none")
    if body[0] & 2:
        acknowledgement, at = _decodeAcknowledgement(body, at)
    require((at < len(body)) == (number is not None), "frames and no number")
    frames: list[dict[str, Any]] = []
    seen = set()
    while at < len(body):
        frame, at = _decodeFrame(body, at)
        what = frame["stream"] if "stream" in frame else frame["transfer"]
        seen.add((frame["frame"], 0 if frame["frame"] == "Chunk" else what))
        frames.append(frame)
        require(len(seen) == len(frames) <= 21, "too many frames, or one twice")
    return number, acknowledgement, frames


def _decodeAcknowledgement(body: bytes, at: int) -> tuple[dict[str, Any], int]:
    require(at + 13 <= len(body), "cut off")
    def read(begin: int, size: int) -> int:
        return int.from_bytes(body[begin : begin + size], "big")
    high, waited, received_at, count = read(at, 4), read(at + 4, 2), read(at + 6, 4), body[at + 10]
    low = high - read(at + 11, 2)
    at += 13
    require(count <= 12 and at + 4 * count <= len(body), "cut off, or too many")
    ranges = [[low, high]]
    for _ in range(count):
        high = low - read(at, 2) - 2
        low = high - read(at + 2, 2)
        ranges.append([low, high])
        at += 4
    require(low >= 1, "packets before the first")
    return {"ranges": ranges, "waited": waited, "received_at": received_at}, at


def _decodeFrame(body: bytes, at: int) -> tuple[dict[str, Any], int]:
    kind = body[at]
    frame: dict[str, Any] = {}
    if 0x10 <= kind < 0x18:
        frame = {"frame": "Piece" if kind < 0x14 else "Window", "stream": kind % 4}
    elif kind in _KINDS:
        frame = {"frame": _KINDS[kind]}
    else:
        raise Malformed("a frame that nobody knows")
    at += 1
    length = 0
    for field, size in _FRAMES[frame["frame"]]:
        end = at + (length if size == 0 else abs(size))
        require(end <= len(body), "cut off")
        if size <= 0:
            frame[field] = body[at:end]
        elif field == "length":
            length = int.from_bytes(body[at:end], "big")
        else:
            frame[field] = int.from_bytes(body[at:end], "big")
        at = end
    require(frame.get("transfer", 1) and frame.get("content", b"x"), "number 0, or nothing in it")
    require(max(frame.get("offset", 0), frame.get("limit", 0)) < 1 << 62, "too far")
    require(frame["frame"] != "Refuse" or frame["reason"] < 4, "no reason")
    return frame, at


class Receiver:
    """What has come of one link: the packets to be acknowledged, and the streams' messages."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self.newest = (0, 0.0)
        self._streams: dict[int, dict[int, bytes]] = {}
        self._taken: dict[int, int] = {}
        self._parts: dict[int, bytes] = {}

    def received(self, body: bytes, now: float) -> list[tuple[int, bytes]]:
        """Return the messages, with their streams, that are whole now."""
        number, _, frames = decodeBody(body)
        if number is None:
            return []
        if number > self.newest[0]:
            self.newest = number, now
        self.numbers.add(number)
        messages = []
        for frame in frames:
            if frame["frame"] == "Piece":
                self._streams.setdefault(frame["stream"], {})[frame["offset"]] = frame["content"]
                messages += self._take(frame["stream"])
        return messages

    def acknowledgement(self, now: float) -> bytes:
        """Return what acknowledges everything; something has come."""
        ranges: list[tuple[int, int]] = []
        for number in sorted(self.numbers, reverse=True):
            if ranges and ranges[-1][0] == number + 1:
                ranges[-1] = (number, ranges[-1][1])
            else:
                ranges.append((number, number))
        at = self.newest[1]
        return acknowledgementOf(ranges[:13], round((now - at) / 16e-6), round(at * 1e6))

    def windows(self) -> list[dict[str, Any]]:
        """Return the frames that let the other go on."""
        return [{"frame": "Window", "stream": stream, "limit": taken + 65_540}
                for stream, taken in self._taken.items()]

    def _take(self, stream: int) -> list[tuple[int, bytes]]:
        pieces, at = self._streams[stream], self._taken.get(stream, 0)
        parts = self._parts.get(stream, b"")
        while at in pieces:
            piece = pieces.pop(at)
            at, parts = at + len(piece), parts + piece
        messages = []
        while len(parts) >= 4 and len(parts) >= 4 + int.from_bytes(parts[:4], "big"):
            end = 4 + int.from_bytes(parts[:4], "big")
            messages.append((stream, parts[4:end]))
            parts = parts[end:]
        self._taken[stream], self._parts[stream] = at, parts
        return messages
