"""What players say to one another inside of the seal; C{docs/wire_protocol.rst}."""

from __future__ import annotations

from typing import Any

from tests.foreign import cbor
from tests.foreign.lobby import candidatesOf, memberOf, octets, text, whole
from tests.foreign.malformed import Malformed, require

__all__ = ["decodeMeshMessage", "decodePacket", "encodePacket", "result"]

BODY = 1150


def result(match_id: bytes, last_frame: int, checksum: int, outcome: bytes) -> bytes:
    """Return what the players of a finished match sign."""
    return cbor.encode(["gamenet match result 1", match_id, last_frame, checksum, outcome])


def _number(value: int, size: int, signed: bool = False) -> bytes:
    return value.to_bytes(size, "big", signed=signed)


def _bits(numbers: list[int]) -> int:
    return sum(1 << number - 1 for number in numbers)


def encodePacket(kind: str, **said: Any) -> bytes:
    """Return a packet's bytes."""
    return bytes(_encoded(kind, said))


def _encoded(kind: str, said: dict[str, Any]) -> Any:
    match kind:
        case "CHECK":
            packet = b"\x00" + said["nonce"]
            if said["sent"] is not None:
                packet += _number(said["loss"], 2) + _number(said["jitter"], 2)
                packet += _number(said["sent"], 4)
            return packet
        case "CHECK_ANSWER":
            packet = b"\x01" + said["nonce"]
            return packet if said["clock"] is None else packet + _number(said["clock"], 8, True)
        case "INPUTS" | "CHANNEL" | "LOG":
            return {"INPUTS": b"\x02", "CHANNEL": b"\x06", "LOG": b"\x07"}[kind] + said["body"]
        case "READY":
            return b"\x03" + said["digest"] + bytes([said["flags"]])
        case "GOODBYE":
            frame = said["last_confirmed_frame"]
            return bytes([4, said["reason"]]) + _number(frame & 0xFFFFFFFF, 4)
        case "TERMS":
            return b"\x05" + cbor.encode(said["terms"])
        case "COUNTDOWN":
            return b"\x08" + _number(said["begins_at"], 8, True) + _number(said["sent_at"], 8, True)
        case "CALL_OFF":
            return bytes([9, said["reason"]]) + _number(_bits(said["players"]), 2)
        case "STATEMENT":
            head = bytes([10, said["flags"]]) + _number(said["last_frame"], 4)
            return head + _number(said["checksum"], 4) + said["signature"] + said["outcome"]
    raise AssertionError(kind)


def _read(data: bytes, begin: int, size: int, signed: bool = False) -> int:
    return int.from_bytes(data[begin : begin + size], "big", signed=signed)


def decodePacket(data: bytes) -> tuple[str, dict[str, Any]]:
    """Return a packet's kind and what it says."""
    require(0 < len(data) <= 1 + BODY, "a packet of a length that none has")
    size, flags = len(data), data[1] if len(data) > 1 else 0
    match data[0]:
        case 0:
            require(size in (9, 17), "a check of another length")
            told = [_read(data, *place) for place in ((9, 2), (11, 2), (13, 4))]
            loss, jitter, sent = told if size == 17 else (None, None, None)
            return "CHECK", {"nonce": data[1:9], "loss": loss, "jitter": jitter, "sent": sent}
        case 1:
            require(size in (9, 17), "an answer of another length")
            clock = _read(data, 9, 8, True) if size == 17 else None
            return "CHECK_ANSWER", {"nonce": data[1:9], "clock": clock}
        case 2 | 6 | 7:
            require(size >= 2, "no body")
            return {2: "INPUTS", 6: "CHANNEL", 7: "LOG"}[data[0]], {"body": data[1:]}
        case 3:
            require(size == 18 and data[17] < 16, "no ready")
            return "READY", {"digest": data[1:17], "flags": data[17]}
        case 4:
            frame = _read(data, 2, 4, True)
            require(size == 6 and flags < 5 and frame >= -1, "no goodbye")
            return "GOODBYE", {"reason": flags, "last_confirmed_frame": frame}
        case 5:
            return "TERMS", {"terms": _terms(data[1:])}
        case 8:
            require(size == 17, "no countdown")
            times = _read(data, 1, 8, True), _read(data, 9, 8, True)
            return "COUNTDOWN", dict(zip(("begins_at", "sent_at"), times, strict=True))
        case 9:
            mask = _read(data, 2, 2)
            require(size == 4 and flags < 4 and mask, "no call-off")
            players = [player for player in range(1, 17) if mask >> player - 1 & 1]
            return "CALL_OFF", {"reason": flags, "players": players}
        case 10:
            last = _read(data, 2, 4)
            require(74 <= size <= 586 and flags < 2 and last < 1 << 31, "no statement")
            return "STATEMENT", {
                "flags": flags,
                "last_frame": last,
                "checksum": _read(data, 6, 4),
                "signature": data[10:74],
                "outcome": data[74:],
            }
    raise Malformed("a packet that nobody knows")


def _terms(data: bytes) -> list[list[Any]]:
    terms = cbor.decode(data)
    require(type(terms) is list and len(terms) <= 32, "no terms")
    former = ""
    for each in terms:
        require(type(each) is list and len(each) == 2, "no term")
        name, value = each
        text(1, 128, True)(name)
        require(name > former, "terms out of order")
        former = name
        if type(value) is str:
            text(0, 128, True)(value)
        else:
            require(value is None or type(value) is int, "no term's value")
    return list(terms)


def decodeMeshMessage(data: bytes) -> list[Any]:
    """Return a message of stream 3."""
    require(len(data) <= 1536, "too long")
    message = cbor.decode(data)
    require(type(message) is list and message and type(message[0]) is int, "no message")
    layouts: dict[int, tuple[Any, ...]] = {
        1: (whole(1, 32), candidatesOf),
        2: (octets(16), whole(0, 255)),
        3: (memberOf,),
    }
    layout = layouts.get(message[0])
    require(layout and len(message) == 1 + len(layout), "a message that nobody knows")
    for check, value in zip(layout or (), message[1:], strict=True):
        check(value)
    return list(message)


