"""
Test vectors of the bodies of INPUTS packets, and of the digest of the rules:
C{docs/vectors/rollback.json}.

C{python -m tests.vectors.rollback} writes the file anew.
"""

from __future__ import annotations

from hashlib import blake2b
from zlib import crc32

from gamenet.match import MatchSettings
from gamenet.wire.backfill_packets import (
    InputRange,
    encodeBackfill,
    encodeEvidence,
    encodeWant,
)
from gamenet.wire.feed_packets import (
    Follow,
    NotFedReason,
    encodeFeedFrames,
    encodeFollow,
    encodeNotFed,
    encodeUnfollow,
)
from gamenet.wire.frame_runs import joinInputs
from gamenet.wire.input_frames import encodeInputPacket
from gamenet.wire.run_length import encodeRunLength
from gamenet.wire.state_packets import StateWanted, encodeStateWanted
from gamenet.wire.transfer_packets import (
    Chunk,
    Offer,
    Receipt,
    Refusal,
    RefusalReason,
    TransferPacket,
    TransferPurpose,
    Withdrawal,
    encodeTransferPacket,
)
from gamenet.wire.view_messages import encodeViewMessage
from gamenet.wire.view_values import (
    Accept,
    Accepted,
    Ballot,
    Commit,
    CommitAck,
    JoinRefusal,
    JoinRefused,
    JoinRequest,
    Leave,
    Outbid,
    Prepare,
    Promise,
    Seat,
    View,
    ViewMessage,
)
from tests.vectors.plain import plain, write

__all__ = ["MALFORMED", "NAME", "rollbackVectors"]

NAME = "rollback.json"

_DIGEST = bytes(range(16))
_LONG = bytes(12) + b"\x01\x02" + b"\xff" * 6
_VIEW = View(3, (1, 3), (Seat(True, 0), Seat(False, 240), Seat(True, 300)))

#: What is said of an input packet, the blob of the frame before, and what it is made of:
#: view, first frame, blobs, next wanted, current frame, confirmed frame, advantage, report.
_INPUTS: tuple[tuple[str, bytes, tuple[int, int, list[bytes], int, int, int, int,
                                      tuple[int, int, int] | None]], ...] = (
    ("the first frame", b"", (0, 0, [b"a"], 0, 1, -1, 0, None)),
    ("nothing new", b"a", (0, 7, [], 5, 7, 4, -3, None)),
    ("the same for 70 frames", b"a", (0, 7, [b"a"] * 70, 5, 77, 4, 100, None)),
    ("another key", b"a", (1, 40, [b"a", b"b", b"b", b"c"], 38, 44, 37, 2, None)),
    ("other lengths", b"a", (0, 9, [b"", b"xyz", b"x" * 64], 9, 12, 8, 0, None)),
    ("a coded difference", bytes(20), (0, 9, [_LONG], 9, 10, 8, 0, None)),
    (
        "two players of one peer",
        joinInputs((b"a", b"")),
        (258, 9, [joinInputs((b"a", b"bc"))], 9, 10, 8, 0, None),
    ),
    (
        "a report of frame 29, and 300 frames not confirmed",
        b"a",
        (0, 330, [b"a"], 31, 331, 30, -128, (29, 0x01020304, 0xFFFEFDFC)),
    ),
)

_SEATING = {"members": [1, 3], "taken": [1, 3], "since": [0, 240, 300]}
_PROMISED = {"view": 3, "leaving": False, "confirmed_frame": 236, "horizon": 250,
             "floors": [239, 241, 240]}

#: Each message about views, and what it says.
_VIEWS: tuple[tuple[str, ViewMessage, dict[str, object]], ...] = (
    ("prepare", Prepare(3, Ballot(1, 1), (2,), ()),
     {"view": 3, "ballot": [1, 1], "suspects": [2], "leavers": []}),
    ("promise", Promise(3, Ballot(1, 1), (239, 241, 240), 236, 250, False),
     {**_PROMISED, "ballot": [1, 1], "accepted": None}),
    ("promise", Promise(3, Ballot(2, 3), (239, 241, 240), -1, 250, True, Ballot(1, 1), _VIEW),
     {**_PROMISED, "ballot": [2, 3], "leaving": True, "confirmed_frame": -1,
      "accepted": [[1, 1], _SEATING]}),
    ("accept", Accept(Ballot(1, 1), _VIEW), {"view": 3, "ballot": [1, 1], "seating": _SEATING}),
    ("accepted", Accepted(3, Ballot(1, 1)), {"view": 3, "ballot": [1, 1]}),
    ("commit", Commit(_VIEW), {"view": 3, "seating": _SEATING}),
    ("commit_ack", CommitAck(3), {"view": 3}),
    ("leave", Leave(0), {"view": 0}),
    ("outbid", Outbid(3, Ballot(7, 16)), {"view": 3, "ballot": [7, 16]}),
    ("join_request", JoinRequest(_DIGEST, 3, 1000, True),
     {"digest": _DIGEST, "known_view": 3, "frame": 1000, "hears_all": True}),
    ("join_refused", JoinRefused(JoinRefusal.SEAT_TAKEN), {"reason": 1}),
)

_CHECKSUM = blake2b(b"a state", digest_size=16).digest()

#: Each packet of a transfer, and what it says.
_TRANSFERS: tuple[tuple[str, TransferPacket, dict[str, object]], ...] = (
    ("offer", Offer(TransferPurpose.SNAPSHOT, 1, 240, 7, _CHECKSUM),
     {"purpose": 0, "number": 1, "frame": 240, "size": 7, "checksum": _CHECKSUM}),
    ("chunk", Chunk(TransferPurpose.SNAPSHOT, 1, 0, b"a state"),
     {"purpose": 0, "number": 1, "index": 0, "content": b"a state"}),
    ("receipt", Receipt(TransferPurpose.STATE, 2, 3, 1 << 63 | 5),
     {"purpose": 1, "number": 2, "count": 3, "bitmap": 1 << 63 | 5}),
    ("refusal", Refusal(TransferPurpose.DUMP, 3, RefusalReason.BUSY),
     {"purpose": 2, "number": 3, "reason": 1}),
    ("withdrawal", Withdrawal(TransferPurpose.STATE, 4), {"purpose": 1, "number": 4}),
)

#: Bodies that are none, and why.
MALFORMED: dict[str, str] = {
    "an input packet cut off": 13 * "00",
    "an unknown flag": "02" + 13 * "00",
    "a report that is cut off": "01" + 13 * "00",
    "one run in two parts": 13 * "00" + "01" + "00" + "00",
    "a difference that is none": 14 * "00" + "c00161" + "4000",
    "a needless length": 14 * "00" + "c00161" + "c00162",
    "inputs of 129 frames": 14 * "00" + "3f3f00",
    "inputs wanted of nobody": "20",
    "wanted players out of order": "20" + "020000000000000001" + "010000000000000001",
    "a backfill without inputs": "210100000000",
    "view 0 decided": "1300000000000101",
    "a ballot of peer 17": "13000100000001" + "11",
    "a seating without members": "14000101" + "0000" + "0001" + "00000000",
    "a state wanted to join": "280000000001",
    "frames that are not committed": "30" + 12 * "00" + "01" + "00" + "00",
    "a follow with unknown flags": "31" + 16 * "00" + "00000001" + "00000000" + "02",
    "a transfer with the number 0": "440000000000",
    "an empty chunk": "4100000000010000",
}


def rollbackVectors() -> dict[str, object]:
    """Return all vectors; bytes are hexadecimal digits."""
    return {
        "rules": [_rules(*each) for each in _RULES],
        "run_length": [
            {"bytes": each.hex(), "code": encodeRunLength(each).hex()}
            for each in (b"", b"\0", _LONG, b"ab" + bytes(300) + b"c")
        ],
        "inputs": [_inputs(*each) for each in _INPUTS],
        "inputs_checksum": _inputsChecksum(),
        "missing": _missing(),
        "views": [
            _vector(what, says, encodeViewMessage(message)) for what, message, says in _VIEWS
        ],
        "feed": _feed(),
        "states": [
            _vector(
                "state_wanted",
                {"purpose": 1, "frame": 299},
                encodeStateWanted(StateWanted(TransferPurpose.STATE, 299)),
            ),
            *[
                _vector(what, says, encodeTransferPacket(each))
                for what, each, says in _TRANSFERS
            ],
        ],
        "malformed": MALFORMED,
    }


#: The settings of matches whose digests are told.
_RULES: tuple[tuple[MatchSettings, int], ...] = (
    (MatchSettings(), 2),
    (MatchSettings(frames=600, rules="Tag 1.0"), 2),
    (MatchSettings(frame_rate=30, checksum_interval=60, plays_alone=True), 4),
)


def _rules(settings: MatchSettings, seats: int) -> dict[str, object]:
    return {
        "seats": seats,
        "frame_rate": settings.frame_rate,
        "checksum_interval": settings.checksum_interval,
        "frames": settings.frames,
        "plays_alone": settings.plays_alone,
        "rules": settings.rules,
        "digest": settings.digest(seats).hex(),
    }


def _inputs(what: str, base: bytes, made: tuple[int, int, list[bytes], int, int, int, int,
                                               tuple[int, int, int] | None]) -> dict[str, object]:
    view, first, blobs, wanted, current, confirmed, advantage, report = made
    body, included = encodeInputPacket(
        view, first, base, blobs, wanted, current, confirmed, advantage, report
    )
    assert included == len(blobs)
    return {
        "what": what,
        "blob_before": base.hex(),
        "view": view % 256,
        "first_frame": first,
        "blobs": [blob.hex() for blob in blobs],
        "next_wanted": wanted,
        "current_frame": current,
        "confirmed_frame": confirmed if current - 1 - confirmed < 255 else -1,
        "advantage": advantage,
        "report": report and dict(zip(("frame", "state", "inputs"), report, strict=True)),
        "body": body.hex(),
    }


def _inputsChecksum() -> dict[str, object]:
    rows = [[b"a", b""], [b"", b"bc"]]
    inputs = [each for row in rows for each in row]
    checksum = crc32(b"".join(inputs), crc32(bytes(map(len, inputs))))
    return {"frames": [[each.hex() for each in row] for row in rows], "checksum": checksum}


def _vector(what: str, says: dict[str, object], body: bytes) -> dict[str, object]:
    told = {name: plain(value) for name, value in says.items()}
    return {"says": {"message": what, **told}, "body": body.hex()}


def _missing() -> list[dict[str, object]]:
    return [
        _vector(
            "want",
            {"wants": [[2, 230, 240], [3, 239, 240]]},
            encodeWant((InputRange(2, 230, 240), InputRange(3, 239, 240))),
        ),
        _vector(
            "backfill",
            {"player": 2, "first_frame": 230, "inputs": [b"a", b"a", b"b"]},
            encodeBackfill(2, 230, [b"a", b"a", b"b"])[0],
        ),
        _vector(
            "evidence",
            {"player": 3, "first_frame": 239, "inputs": [b""]},
            encodeEvidence(3, 239, [b""])[0],
        ),
    ]


def _feed() -> list[dict[str, object]]:
    first, second = (b"a", b"b", b""), (b"a", b"", b"c")
    rows = [(first, ())] * 130 + [(second, (2,))]
    said = [([each.hex() for each in inputs], list(absent)) for inputs, absent in rows]
    told = [{"inputs": inputs, "absent": absent} for inputs, absent in said]
    frames = {"committed": 300, "current_frame": 307}
    follow = {"digest": _DIGEST, "number": 5, "next_wanted": 110, "paused": False}
    waiting = {"digest": _DIGEST, "number": 1, "next_wanted": None, "paused": True}
    return [
        _vector(
            "frames",
            {"first_frame": 110, **frames, "players": 3, "rows": told},
            encodeFeedFrames(110, rows, 300, 307, 3)[0],
        ),
        _vector(
            "frames",
            {"first_frame": 300, **frames, "players": 16, "rows": []},
            encodeFeedFrames(300, [], 300, 307, 16)[0],
        ),
        _vector("follow", follow, encodeFollow(Follow(_DIGEST, 5, 110))),
        _vector("follow", waiting, encodeFollow(Follow(_DIGEST, 1, None, True))),
        _vector("unfollow", {}, encodeUnfollow()),
        _vector("refused", {"reason": 1}, encodeNotFed(NotFedReason.OTHER_CONFIGURATION)),
    ]


if __name__ == "__main__":
    write(NAME, rollbackVectors())
