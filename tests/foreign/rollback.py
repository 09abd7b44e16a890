"""The bodies of INPUTS packets: inputs, and what is asked and shown beside them;
C{docs/rollback_packets.rst}."""

from __future__ import annotations

import re
from struct import Struct, error, unpack_from
from typing import Any
from zlib import crc32

from tests.foreign.malformed import Malformed, require

__all__ = ["decodeBackfill", "decodeInputs", "encodeInputs", "inputsChecksum", "runLength"]

_CHUNKS = re.compile(rb"\x00+|\xff+|[^\x00\xff]+")
_HEAD = Struct(">BBIIhBb")
_REPORT = Struct(">HII")


def inputsChecksum(rows: list[list[bytes]]) -> int:
    """Return the checksum of the inputs since the report before, frame by frame."""
    inputs = [each for row in rows for each in row]
    return crc32(bytes(map(len, inputs)) + b"".join(inputs)) or 1


def runLength(data: bytes) -> bytes:
    """Return the run-length code of some bytes."""
    code = b""
    for chunk in _CHUNKS.findall(data):
        first = chunk[0]
        code += _varint(len(chunk) << 2 | (first & 2) | 1 if first in (0, 255) else len(chunk) << 1)
        code += b"" if first in (0, 255) else chunk
    return code


def _varint(number: int) -> bytes:
    code = b""
    while number >= 0x80:
        code += bytes([number & 0x7F | 0x80])
        number >>= 7
    return code + bytes([number])


def _readVarint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        require(at < len(data) and shift < 28, "cut off")
        number |= (data[at] & 0x7F) << shift
        at += 1
        if data[at - 1] < 0x80:
            require(data[at - 1] or not shift, "a number longer than it must be")
            return number, at
        shift += 7


def _readRunLength(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    text, begin = b"", at
    while len(text) < size:
        number, at = _readVarint(data, at)
        length = number >> 2 if number & 1 else number >> 1
        require(0 < length <= size - len(text), "a chunk of a length that it cannot have")
        if number & 1:
            text += (b"\xff" if number & 2 else b"\0") * length
        else:
            text += data[at : at + length]
            at += length
            require(at <= len(data), "cut off")
    require(runLength(text) == data[begin:at], "not the one code")
    return text, at


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _change(blob: bytes, before: bytes) -> bytes:
    """Return a run of one frame with another blob than before."""
    if len(blob) != len(before):
        return b"\xc0" + _varint(len(blob)) + blob
    changed = _xor(blob, before)
    code = runLength(changed)
    return b"\x80" + code if len(changed) >= 4 and len(code) < len(changed) else b"\x40" + changed


def encodeRuns(blobs: list[bytes], before: bytes) -> bytes:
    """Return the runs of consecutive frames."""
    runs: list[bytearray] = []
    for blob in blobs:
        if blob == before and runs and runs[-1][0] & 63 < 63:
            runs[-1][0] += 1
        else:
            runs.append(bytearray(b"\x00" if blob == before else _change(blob, before)))
        before = blob
    return b"".join(runs)


def decodeRuns(data: bytes, before: bytes) -> list[bytes]:
    """Return the blobs of consecutive frames."""
    base, blobs, at = before, list[bytes](), 0
    while at < len(data):
        head, at = data[at], at + 1
        kind, frames = head >> 6, (head & 63) + 1
        if kind == 3:
            length, at = _readVarint(data, at)
            require(length <= 1040 and at + length <= len(data), "cut off or too long")
            before, at = data[at : at + length], at + length
        elif kind == 2:
            changed, at = _readRunLength(data, at, len(before))
            before = _xor(changed, before)
        elif kind == 1:
            require(at + len(before) <= len(data), "cut off")
            before, at = _xor(data[at : at + len(before)], before), at + len(before)
        blobs += [before] * frames
        require(len(blobs) <= 128, "too many frames")
    require(encodeRuns(blobs, base) == data, "not the one encoding")
    return blobs


def encodeInputs(said: dict[str, Any], before: bytes) -> bytes:
    """Return an input packet."""
    behind = min(said["current_frame"] - 1 - said["confirmed_frame"], 255)
    ahead = said["current_frame"] - said["first_frame"]
    advantage = max(-128, min(said["advantage"], 127))
    report = said["report"]
    body = _HEAD.pack(report is not None, said["view"] % 256, said["first_frame"],
                      said["next_wanted"], ahead, behind, advantage)
    if report is not None:
        distance = said["next_wanted"] - 1 - report["frame"]
        body += _REPORT.pack(distance, report["state"], report["inputs"])
    return body + encodeRuns(said["blobs"], before)


def decodeInputs(body: bytes, before: bytes) -> dict[str, Any]:
    """Return what an input packet says; C{before} is their blob of the frame before."""
    require(_HEAD.size <= len(body) <= 1150 and body[0] < 2, "no input packet")
    flags, view, first, wanted, ahead, behind, advantage = _HEAD.unpack_from(body)
    current, at, report = first + ahead, _HEAD.size, None
    require(max(first, current) <= 1 << 31 and current >= 0, "frames out of bounds")
    require(wanted <= (1 << 31) + 1 and behind <= current, "frames out of bounds")
    if flags:
        require(len(body) >= at + _REPORT.size, "cut off")
        distance, state, inputs = _REPORT.unpack_from(body, at)
        at += _REPORT.size
        require(wanted - 1 - distance >= 0, "a report of a frame before the first")
        report = {"frame": wanted - 1 - distance, "state": state, "inputs": inputs}
    return {
        "view": view,
        "first_frame": first,
        "next_wanted": wanted,
        "current_frame": current,
        "confirmed_frame": -1 if behind == 255 else current - 1 - behind,
        "advantage": advantage,
        "report": report,
        "blobs": decodeRuns(body[at:], before),
    }


def decodeBackfill(body: bytes) -> dict[str, Any]:
    """Return what one of the bodies 0x20 to 0x22 says."""
    try:
        if body[0] == 0x20:
            require(len(body) > 1 and len(body) % 9 == 1, "cut off")
            wants = [list(unpack_from(">BII", body, at)) for at in range(1, len(body), 9)]
            players = [want[0] for want in wants]
            good = players == sorted(set(players)) and players[0] > 0 and players[-1] <= 16
            require(good and all(first < end for _, first, end in wants), "no wants")
            return {"message": "want", "wants": wants}
        require(body[0] in (0x21, 0x22), "no backfill")
        player, first = unpack_from(">BI", body, 1)
    except error as why:
        raise Malformed("cut off") from why
    require(1 <= player <= 16, "no player")
    inputs = decodeRuns(body[6:], b"")
    require(inputs, "no inputs")
    name = "backfill" if body[0] == 0x21 else "evidence"
    return {"message": name, "player": player, "first_frame": first, "inputs": inputs}
