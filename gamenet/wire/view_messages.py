"""
What the peers of a rollback match tell each other to agree on who plays: the
messages of one single-decree Paxos (Lamport, I{Paxos Made Simple}, 2001) per
view, and the request of a joiner.

They travel sealed, like input packets, and are told from those by their first
byte.  Everything is big-endian; a I{ballot} is a round (4 bytes) and the peer
who proposed it (1 byte), a I{set} of peers or players is 2 bytes, bit 0 is
number 1::

    0x10 PREPARE       number 2, ballot, suspects (set), leavers (set)
    0x11 PROMISE       number 2, ballot, flags 1 (bit 0: leaving, bit 1: has
                       accepted), confirmed frame + 1 (4), horizon 4,
                       players 1, floor 4 each, [accepted ballot, seating]
    0x12 ACCEPT        number 2, ballot, players 1, seating
    0x13 ACCEPTED      number 2, ballot
    0x14 COMMIT        number 2, players 1, seating
    0x15 COMMIT_ACK    number 2: the newest view that the sender knows
    0x16 LEAVE         number 2: the view that the sender is in and leaves
    0x17 OUTBID        number 2, ballot: the one that the sender has promised
    0x18 JOIN_REQUEST  digest 16, newest known view 2, followed up to frame 4,
                       hears all members 1
    0x19 JOIN_REFUSED  reason 1

    seating            members (set), taken seats (set), since 4 each player

C{number} in 0x10 to 0x14 and 0x17 is that of the view to be decided, so their
sender is in the view before it.  Each message has exactly one encoding.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from struct import error as StructError

from gamenet.errors import LocalProtocolError, MalformedMessage, UnknownMessage
from gamenet.wire.input_frames import FRAMES_LIMIT
from gamenet.wire.peer_packets import DIGEST_BYTES
from gamenet.wire.view_values import (
    PLAYERS_LIMIT,
    ROUNDS_LIMIT,
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

__all__ = ["VIEW_BODY_LIMIT", "decodeViewMessage", "encodeViewMessage"]

#: The longest of these messages, in bytes: a PROMISE of 16 players that has accepted.
VIEW_BODY_LIMIT = 155

_BALLOT = Struct(">IB")
_PREPARE = Struct(">BHIBHH")
_PROMISE = Struct(">BHIBBIIB")
_ACCEPT = Struct(">BHIBB")
_BALLOTED = Struct(">BHIB")
_COMMIT = Struct(">BHB")
_NUMBERED = Struct(">BH")
_JOIN_REQUEST = Struct(f">B{DIGEST_BYTES}sHIB")
_SETS = Struct(">HH")
_LEAVING = 0x01
_HAS_ACCEPTED = 0x02


def encodeViewMessage(message: ViewMessage) -> bytes:
    """
    Pack a message.

    @raise LocalProtocolError: A number does not fit its field, or what comes
        out is not what went in.
    """
    try:
        body = _pack(message)
        same = decodeViewMessage(body) == message
    except (StructError, MalformedMessage, OverflowError, ValueError) as error:
        raise LocalProtocolError(f"a view message is out of bounds: {error}") from error
    if not same:
        raise LocalProtocolError(f"not a canonical view message: {message!r}")
    return body


def _pack(message: ViewMessage) -> bytes:
    match message:
        case Prepare(number, ballot, suspects, leavers):
            return _PREPARE.pack(0x10, number, *ballot, _bits(suspects), _bits(leavers))
        case Promise():
            return _packPromise(message)
        case Accept(ballot, view):
            head = _ACCEPT.pack(0x12, view.number, *ballot, len(view.seats))
            return head + _packSeating(view)
        case Accepted(number, ballot):
            return _BALLOTED.pack(0x13, number, *ballot)
        case Commit(view):
            return _COMMIT.pack(0x14, view.number, len(view.seats)) + _packSeating(view)
        case CommitAck(number):
            return _NUMBERED.pack(0x15, number)
        case Leave(number):
            return _NUMBERED.pack(0x16, number)
        case Outbid(number, ballot):
            return _BALLOTED.pack(0x17, number, *ballot)
        case JoinRequest(digest, number, frame, hears_all):
            return _JOIN_REQUEST.pack(0x18, digest, number, frame, hears_all)
        case JoinRefused(reason):
            return bytes((0x19, reason))


def _packPromise(message: Promise) -> bytes:
    flags = _LEAVING if message.leaving else 0
    rest = b"".join(floor.to_bytes(4, "big") for floor in message.floors)
    if message.accepted_ballot is not None and message.accepted_view is not None:
        flags |= _HAS_ACCEPTED
        rest += _BALLOT.pack(*message.accepted_ballot) + _packSeating(message.accepted_view)
    head = _PROMISE.pack(
        0x11,
        message.number,
        *message.ballot,
        flags,
        message.confirmed + 1,
        message.horizon,
        len(message.floors),
    )
    return head + rest


def _packSeating(view: View) -> bytes:
    taken = tuple(player for player, seat in enumerate(view.seats, 1) if seat.taken)
    since = b"".join(seat.since.to_bytes(4, "big") for seat in view.seats)
    return _SETS.pack(_bits(view.members), _bits(taken)) + since


def _bits(numbers: tuple[int, ...]) -> int:
    return sum(1 << (number - 1) for number in numbers)


def _numbers(bits: int) -> tuple[int, ...]:
    return tuple(number for number in range(1, PLAYERS_LIMIT + 1) if bits >> (number - 1) & 1)


def decodeViewMessage(body: bytes) -> ViewMessage:
    """
    Unpack a body whose first byte is 0x10 to 0x1F.

    @raise MalformedMessage: It is not one: unknown, cut off, too long,
        numbers out of bounds, a view without members, members without seats.
    """
    if not 0 < len(body) <= VIEW_BODY_LIMIT:
        raise MalformedMessage(f"a view message of {len(body)} bytes")
    decode = _DECODERS.get(body[0])
    if decode is None:
        raise UnknownMessage(f"no view message begins with {body[0]:#04x}")
    try:
        return decode(body)
    except StructError as error:
        raise MalformedMessage(f"a view message of the wrong length: {error}") from error


def _decodePrepare(body: bytes) -> Prepare:
    _, number, turn, proposer, suspects, leavers = _PREPARE.unpack(body)
    if suspects & leavers:
        raise MalformedMessage("a peer that is both suspected and leaving")
    ballot = _ballot(turn, proposer)
    return Prepare(_decidedNumber(number), ballot, _numbers(suspects), _numbers(leavers))


def _decodePromise(body: bytes) -> Promise:
    _, number, turn, proposer, flags, confirmed, horizon, players = _PROMISE.unpack_from(body)
    _decidedNumber(number)
    if flags & ~(_LEAVING | _HAS_ACCEPTED):
        raise MalformedMessage(f"unknown flags {flags:#04x} in a promise")
    position = _PROMISE.size
    floors = _frames(body, position, _players(players))
    position += 4 * players
    accepted_ballot = None
    accepted_view = None
    if flags & _HAS_ACCEPTED:
        accepted_ballot = _ballot(*_BALLOT.unpack_from(body, position))
        accepted_view = _seating(body, position + _BALLOT.size, number, players)
    elif len(body) != position:
        raise MalformedMessage("a promise with something behind it")
    return Promise(
        number,
        _ballot(turn, proposer),
        floors,
        _frame(confirmed) - 1,
        _frame(horizon),
        bool(flags & _LEAVING),
        accepted_ballot,
        accepted_view,
    )


def _decodeAccept(body: bytes) -> Accept:
    _, number, turn, proposer, players = _ACCEPT.unpack_from(body)
    ballot = _ballot(turn, proposer)
    return Accept(ballot, _seating(body, _ACCEPT.size, _decidedNumber(number), _players(players)))


def _decodeAccepted(body: bytes) -> Accepted:
    _, number, turn, proposer = _BALLOTED.unpack(body)
    return Accepted(_decidedNumber(number), _ballot(turn, proposer))


def _decodeOutbid(body: bytes) -> Outbid:
    _, number, turn, proposer = _BALLOTED.unpack(body)
    return Outbid(_decidedNumber(number), _ballot(turn, proposer))


def _decodeCommit(body: bytes) -> Commit:
    _, number, players = _COMMIT.unpack_from(body)
    return Commit(_seating(body, _COMMIT.size, _decidedNumber(number), _players(players)))


def _decodeJoinRequest(body: bytes) -> JoinRequest:
    _, digest, number, frame, hears_all = _JOIN_REQUEST.unpack(body)
    if hears_all > 1:
        raise MalformedMessage("a request for a seat with unknown flags")
    return JoinRequest(digest, number, _frame(frame), bool(hears_all))


def _decodeJoinRefused(body: bytes) -> JoinRefused:
    if len(body) != 2 or body[1] > JoinRefusal.TOO_LATE:
        raise MalformedMessage("a refusal without a known reason")
    return JoinRefused(JoinRefusal(body[1]))


def _seating(body: bytes, position: int, number: int, players: int) -> View:
    """Return the view at C{position}, which must reach to the body's end."""
    members, taken = _SETS.unpack_from(body, position)
    position += _SETS.size
    if len(body) != position + 4 * players:
        raise MalformedMessage("a view of the wrong length")
    if members == 0 or members & ~taken or taken >> players:
        raise MalformedMessage("a view without members, or whose members have no seats")
    frames = _frames(body, position, players)
    seats = tuple(Seat(bool(taken >> index & 1), frame) for index, frame in enumerate(frames))
    return View(number, _numbers(members), seats)


def _frames(body: bytes, position: int, count: int) -> tuple[int, ...]:
    return tuple(map(_frame, Struct(f">{count}I").unpack_from(body, position)))


def _frame(frame: int) -> int:
    if frame > FRAMES_LIMIT:
        raise MalformedMessage(f"frame {frame} is out of bounds")
    return frame


def _players(players: int) -> int:
    if not 1 <= players <= PLAYERS_LIMIT:
        raise MalformedMessage(f"a match of {players} players")
    return players


def _decidedNumber(number: int) -> int:
    if number == 0:
        raise MalformedMessage("view 0 is not decided, it is given")
    return number


def _ballot(turn: int, proposer: int) -> Ballot:
    if not 0 < turn < ROUNDS_LIMIT or not 1 <= proposer <= PLAYERS_LIMIT:
        raise MalformedMessage(f"ballot {turn} of peer {proposer} is out of bounds")
    return Ballot(turn, proposer)


_DECODERS: dict[int, Callable[[bytes], ViewMessage]] = {
    0x10: _decodePrepare,
    0x11: _decodePromise,
    0x12: _decodeAccept,
    0x13: _decodeAccepted,
    0x14: _decodeCommit,
    0x15: lambda body: CommitAck(_NUMBERED.unpack(body)[1]),
    0x16: lambda body: Leave(_NUMBERED.unpack(body)[1]),
    0x17: _decodeOutbid,
    0x18: _decodeJoinRequest,
    0x19: _decodeJoinRefused,
}
