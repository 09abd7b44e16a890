"""The shared session: events, the state they lead to, and messages; C{docs/session_log.rst}."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from tests.foreign import cbor
from tests.foreign.lobby import octets, several, text, whole
from tests.foreign.malformed import require

__all__ = ["State", "decodeLogMessage", "digestOf"]

BIG = whole(0, 2**48 - 1)
NUMBER = whole(1, 2**48 - 1)
PLAYER = whole(1, 64)
NAME, TITLE, CONTENT = text(1, 32), text(1, 64), octets(0, 1024)


def _epoch(value: Any) -> None:
    require(type(value) is list and len(value) == 2, "no epoch")
    BIG(value[0])
    whole(0, 64)(value[1])
    require((value[0] == 0) == (value[1] == 0), "no epoch")


def _phrase(lowest: int, highest: int, most: int) -> Any:
    """Return the check of what people say: joiners and outer spaces are allowed."""
    def check(value: Any) -> None:
        require(type(value) is str and lowest <= len(value) <= highest, "no text of that length")
        plain = value.replace("\u200c", "").replace("\u200d", "").strip(" ")
        text(0, highest)(plain)
        require(len(value.encode()) <= most, "too many bytes")
    return check


def _orNone(check: Any) -> Any:
    def checkIt(value: Any) -> None:
        if value is not None:
            check(value)
    return checkIt


def _members(value: Any) -> None:
    several(PLAYER, 1, 64)(value)
    require(value == sorted(set(value)), "members out of order")


def _key(value: Any) -> None:
    NAME(value)
    require(len(value.encode()) <= 64, "too many bytes")


VALUE, CHAT = _phrase(0, 256, 512), _phrase(1, 500, 2000)

#: The fields of an event's body, by number.
BODIES: dict[int, tuple[Any, ...]] = {
    1: (PLAYER, NAME),
    2: (PLAYER, whole(1, 3)),
    3: (PLAYER,),
    4: (PLAYER,),
    5: (PLAYER, NAME),
    6: (NUMBER, TITLE, CONTENT),
    7: (NUMBER, CONTENT),
    8: (_key, _orNone(VALUE)),
    9: (PLAYER, CHAT),
    10: (PLAYER, NAME, CONTENT),
    11: (PLAYER,),
    12: (_members,),
}
LOOSE, ANY = text(0, 2048, True), octets(0, 4096)
#: The fields of a command, by number; what the host refuses by name travels all the same.
COMMANDS: dict[int, tuple[Any, ...]] = {
    1: (LOOSE,), 2: (), 3: (LOOSE,), 4: (LOOSE, ANY), 5: (BIG, ANY), 6: (LOOSE, _orNone(LOOSE)),
    7: (LOOSE,), 8: (LOOSE, ANY), 9: (PLAYER,), 10: (PLAYER,),
}


def _row(value: Any, *checks: Any) -> None:
    require(type(value) is list and len(value) == len(checks), "no array of that length")
    for check, item in zip(checks, value, strict=True):
        check(item)


def _tagged(kinds: dict[int, tuple[Any, ...]]) -> Any:
    def check(value: Any) -> None:
        good = type(value) is list and value and type(value[0]) is int and value[0] in kinds
        require(good, "of no kind")
        _row(value[1:], *kinds[value[0]])
    return check


def _event(value: Any) -> None:
    _row(value, octets(16), NUMBER, _epoch, BIG, whole(0, 64), BIG, _tagged(BODIES))


def _record(value: Any) -> None:
    _row(value, _epoch, BIG, _members)
    require(value[0][1] in value[2], "the host is no member")


def _chain(value: Any) -> None:
    _row(value, several(_record, 1, 64), BIG)


#: The fields of a message, by number.
MESSAGES: dict[int, tuple[Any, ...]] = {
    1: (_epoch, BIG, BIG, octets(8), whole(0, 2**64 - 1), NUMBER, _epoch),
    2: (NUMBER, _tagged(COMMANDS)),
    3: (several(_event, 1, 256), _epoch),
    4: (NUMBER, whole(1, 14), text(0, 256)),
    5: (_epoch, BIG, whole(1, 256)),
    6: (BIG,),
    7: (octets(0, 65_000),),
    16: (_epoch, _chain),
    17: (_epoch, _chain),
    18: (_chain,),
    19: (PLAYER,),
}


def decodeLogMessage(data: bytes) -> list[Any]:
    """Return a message's number and fields."""
    require(len(data) <= 65_536, "too long")
    message = cbor.decode(data)
    _tagged(MESSAGES)(message)
    return list(message)


def digestOf(state: bytes) -> bytes:
    """Return the digest of a state's bytes."""
    return blake2b(state, digest_size=16).digest()


class State:
    """
    What a session has come to; its parts are as they travel.

    @ivar parts: The thirteen parts of the state.
    """

    def __init__(self, parts: list[Any]) -> None:
        self.parts = parts

    @classmethod
    def opened(cls, session_id: bytes, name: str, names: dict[int, str], capacity: int) -> State:
        """Return what a ticket says."""
        there = sorted(names)
        people = [[player, names[player], 0, None, 0] for player in there]
        return cls([session_id, name, capacity, [1, 1], 0, 0, None, people, [], None, 0, [],
                    [[[1, 1], 0, there]]])

    def encoded(self) -> bytes:
        """Return a snapshot."""
        return cbor.encode(self.parts)

    def applied(self, data: bytes) -> State:
        """Return the state after one more event."""
        event = cbor.decode(data)
        _event(event)
        session, sequence, epoch, time, author, command, body = event
        parts = cbor.decode(self.encoded())
        good = session == parts[0] and sequence == parts[4] + 1 and time >= parts[5]
        require(good and (epoch == parts[3] or body[0] == 12), "it does not follow")
        require(parts[6] is None or body[0] == 12, "the host has handed its role over")
        _requireRight(parts, author, command, body, epoch)
        parts[3:6], parts[6] = [epoch, sequence, time], None
        people = {one[0]: one for one in parts[7]}
        departed = {one[0]: one for one in parts[8]}
        settings = dict(parts[11])
        _RULES[body[0]](parts, people, departed, settings, event)
        if author and not (body[0] == 2 and body[1] == author):
            require(author in people, "of nobody")
            people[author][4] = command
        parts[7] = [people[player] for player in sorted(people)]
        parts[8] = [departed[player] for player in sorted(departed)]
        parts[11] = [[key, settings[key]] for key in sorted(settings)]
        return State(parts)


def _requireRight(parts: Any, author: int, command: int, body: Any, epoch: Any) -> None:
    """Require that an event's author may have caused it, and was not heard with it before."""
    require((author == 0) == (command == 0), "an author and a command, or none of them")
    kind, host, run = body[0], epoch[1], parts[9]
    if kind == 2:
        rightful = author == {1: body[1], 2: 0, 3: host}[body[2]]
    elif kind in (1, 5, 9, 10):
        rightful = author == body[1]
    elif kind in (3, 4, 12):
        rightful = author == 0
    elif kind in (8, 11):
        rightful = author == host
    elif kind == 7:
        rightful = run is not None and author in (run[3], host)
    else:
        rightful = author != 0
    require(rightful, "not the author's to cause")
    itself = kind in (2, 3, 11) and body[1] == host
    require(not itself or (kind == 2 and body[2] == 1), "a host does not do that to itself")
    last = [each[-1] for each in (*parts[7], *parts[8]) if each[0] == author]
    require(not author or command > max(last, default=0), "a command that was answered")


def _joined(parts: Any, people: Any, departed: Any, settings: Any, event: Any) -> None:
    player, name = event[6][1:]
    require(player not in people and len(people) < parts[2], "no seat")
    people[player] = [player, name, event[1], None, 0]
    departed.pop(player, None)


def _left(parts: Any, people: Any, departed: Any, settings: Any, event: Any) -> None:
    player = event[6][1]
    require(player in people, "nobody")
    require(event[6][2] != 2 or people[player][3] is not None, "in no grace")
    last = event[5] if event[4] == player else people[player][4]
    del people[player]
    departed[player] = [player, last]


def _lost(parts: Any, people: Any, departed: Any, settings: Any, event: Any) -> None:
    require(people.get(event[6][1], [None] * 4)[3] is None, "lost already")
    require(event[6][1] in people, "nobody")
    people[event[6][1]][3] = event[3]


def _returned(parts: Any, people: Any, departed: Any, settings: Any, event: Any) -> None:
    require(event[6][1] in people and people[event[6][1]][3] is not None, "not lost")
    people[event[6][1]][3] = None


def _renamed(parts: Any, people: Any, departed: Any, settings: Any, event: Any) -> None:
    require(event[6][1] in people, "nobody")
    people[event[6][1]][1] = event[6][2]


def _started(parts: Any, people: Any, departed: Any, settings: Any, event: Any) -> None:
    require(event[6][1] == parts[10] + 1 and parts[9] is None, "not the next activity")
    parts[9], parts[10] = [*event[6][1:], event[4], event[1]], event[6][1]


def _ended(parts: Any, people: Any, departed: Any, settings: Any, event: Any) -> None:
    require(parts[9] is not None and parts[9][0] == event[6][1], "no such activity")
    parts[9] = None


def _set(parts: Any, people: Any, departed: Any, settings: Any, event: Any) -> None:
    settings.pop(event[6][1], None)
    if event[6][2] is not None:
        settings[event[6][1]] = event[6][2]
        require(len(settings) <= 64, "too many settings")


def _said(parts: Any, people: Any, departed: Any, settings: Any, event: Any) -> None:
    require(event[6][1] == event[4], "in another's name")


def _delegated(parts: Any, people: Any, departed: Any, settings: Any, event: Any) -> None:
    there = event[6][1] in people and people[event[6][1]][3] is None
    require(there, "nobody to hand over to")
    parts[6] = event[6][1]


def _epochStarted(parts: Any, people: Any, departed: Any, settings: Any, event: Any) -> None:
    former = parts[12][-1][0]
    good = event[2][0] > former[0] and event[2][1] in event[6][1]
    require(good and all(each in people for each in event[6][1]), "no epoch that can begin")
    parts[12] = [*parts[12], [event[2], event[1], event[6][1]]][-64:]


_RULES = {1: _joined, 2: _left, 3: _lost, 4: _returned, 5: _renamed, 6: _started, 7: _ended,
          8: _set, 9: _said, 10: _said, 11: _delegated, 12: _epochStarted}
