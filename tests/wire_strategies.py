"""
Hypothesis strategies for lobby messages, peer packets and hostile bytes.
"""

from __future__ import annotations

import unicodedata
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import attrs
from hypothesis import strategies as st

from gamenet.wire.lobby_fields import (
    Flag,
    ListOf,
    LooseText,
    Octets,
    OneOf,
    Row,
    RowOf,
    SessionId,
    SomeOctets,
    Text,
    TransportAddress,
    Whole,
)
from gamenet.wire.lobby_messages import (
    PLAYERS_LIMIT,
    Hello,
    MatchTicket,
    RefusalCode,
    ReportHost,
    SessionList,
    SessionSummary,
    SessionView,
    TicketMember,
    Welcome,
    nameProblem,
)
from gamenet.wire.peer_packets import (
    CallOff,
    ChannelBody,
    Check,
    CheckAnswer,
    Countdown,
    Goodbye,
    GoodbyeReason,
    Inputs,
    LogBody,
    Ready,
    Reception,
    StatementPacket,
    Terms,
)
from gamenet.wire.start_packets import CallOffReason

__all__ = ["addresses", "damaged", "names", "ofField", "peer_packets", "rows"]


def _isSendable(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return 1 <= address.packed[0] <= 223
    return not (address.is_unspecified or address.is_multicast or address.ipv4_mapped)


#: Addresses that can travel.
addresses = st.tuples(st.ip_addresses().filter(_isSendable).map(str), st.integers(1, 65_535))


def names(lowest: int, highest: int) -> st.SearchStrategy[str]:
    """Texts that are good as names of so many characters."""
    characters = st.characters(exclude_categories=("C", "Zl", "Zp"))
    texts = st.text(characters, min_size=lowest, max_size=highest)
    return texts.map(lambda text: unicodedata.normalize("NFC", text).strip()).filter(
        lambda text: (not text and not lowest) or nameProblem(text, highest) is None
    )


def ofField(field: Any) -> st.SearchStrategy[Any]:
    """Values that one field accepts."""
    match field:
        case Whole(lowest, highest):
            return st.integers(lowest, highest) | st.sampled_from((lowest, highest))
        case Flag():
            return st.booleans()
        case Octets(length):
            return st.binary(min_size=length, max_size=length)
        case SomeOctets(lowest, highest):
            return st.binary(min_size=lowest, max_size=min(highest, 80))
        case LooseText(highest):
            return st.text(st.characters(exclude_categories=("Cs",)), max_size=min(highest, 40))
        case Text(lowest, highest):
            return names(lowest, min(highest, 40))
        case OneOf(words):
            return st.sampled_from(words)
        case SessionId():
            return st.binary(min_size=8, max_size=8).map(bytes.hex)
        case TransportAddress():
            return addresses
        case RowOf(row_type):
            return rows(row_type)
        case ListOf(item, lowest, highest, identity):
            return st.lists(
                ofField(item), min_size=lowest, max_size=min(highest, 4), unique_by=identity
            ).map(tuple)
    return st.sampled_from(RefusalCode)


def _consistent(row: Row) -> Row:
    """Return the nearest row whose fields do not contradict one another."""
    match row:
        case Hello():
            low, high = sorted((row.lowest_version, row.highest_version))
            return attrs.evolve(row, lowest_version=low, highest_version=high)
        case Welcome():
            longest = max(row.heartbeat_interval_ms, row.heartbeat_timeout_ms)
            return attrs.evolve(row, heartbeat_timeout_ms=longest)
        case SessionList():
            return attrs.evolve(row, total=max(row.total, len(row.sessions)))
        case SessionSummary():
            capacity = max(row.members, row.minimum, row.capacity)
            joinable = row.said_joinable and row.members < capacity
            return attrs.evolve(row, capacity=capacity, said_joinable=joinable)
        case SessionView():
            members = tuple(
                attrs.evolve(member, is_host=place == 0) for place, member in enumerate(row.members)
            )
            seated = sum(member.players for member in members)
            capacity = max(seated, row.minimum, row.capacity)
            return attrs.evolve(row, members=members, capacity=capacity)
        case TicketMember():
            return attrs.evolve(row, player=min(row.player, PLAYERS_LIMIT + 1 - row.players))
        case MatchTicket():
            return _ticket(row)
        case ReportHost():
            players = tuple(sorted({row.epoch_host, *row.players}))
            return attrs.evolve(row, players=players)
    return row


def _ticket(ticket: MatchTicket) -> MatchTicket:
    """Return the nearest ticket, from the start or late, that is consistent."""
    number = 1 + (ticket.capacity - 1) % 3 if ticket.late else 1
    members = []
    for member in ticket.members:
        members.append(attrs.evolve(member, player=number))
        number += member.players
    player = members[ticket.player % len(members)].player
    capacity = ticket.capacity and max(ticket.capacity, number - 1)
    return attrs.evolve(ticket, members=tuple(members), player=player, capacity=capacity)


def rows(row_type: type[Any]) -> st.SearchStrategy[Any]:
    """Messages, or values inside of them, of one class; in the shape of each version."""
    lengths = {len(row_type.layout), len(row_type.layout) - row_type.appended}
    return st.sampled_from(sorted(lengths)).flatmap(
        lambda length: st.tuples(*map(ofField, row_type.layout[:length])).map(
            lambda values: _consistent(row_type(*values))
        )
    )


#: Packets between players.
peer_packets = st.one_of(
    st.builds(
        Check,
        st.binary(min_size=8, max_size=8),
        st.none()
        | st.builds(
            Reception,
            st.integers(0, 0xFFFF),
            st.integers(0, 0xFFFF),
            st.integers(0, 0xFFFFFFFF),
        ),
    ),
    st.builds(
        CheckAnswer,
        st.binary(min_size=8, max_size=8),
        st.none() | st.integers(-(2**63), 2**63 - 1),
    ),
    st.builds(Inputs, st.binary(min_size=1, max_size=1150)),
    st.builds(ChannelBody, st.binary(min_size=1, max_size=1150)),
    st.builds(LogBody, st.binary(min_size=1, max_size=1150)),
    st.builds(
        Ready,
        st.binary(min_size=16, max_size=16),
        st.booleans(),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    st.builds(Countdown, *[st.integers(-(2**63), 2**63 - 1)] * 2),
    st.builds(
        CallOff,
        st.sampled_from(CallOffReason),
        st.sets(st.integers(1, 16), min_size=1).map(lambda players: tuple(sorted(players))),
    ),
    st.builds(
        StatementPacket,
        st.booleans(),
        st.integers(0, 2**31 - 1),
        st.integers(0, 2**32 - 1),
        st.binary(max_size=512),
        st.binary(min_size=64, max_size=64),
    ),
    st.builds(Goodbye, st.sampled_from(GoodbyeReason), st.integers(-1, 2**31 - 1)),
    st.builds(
        lambda fields: Terms(tuple(sorted(fields.items()))),
        st.dictionaries(
            st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8),
            st.none()
            | st.integers(-(2**63), 2**64 - 1)
            | st.text(st.characters(exclude_categories=("Cs",)), max_size=8),
            max_size=8,
        ),
    ),
)


@st.composite
def damaged(draw: st.DrawFn, good: st.SearchStrategy[bytes]) -> bytes:
    """Good bytes with up to four of them changed, taken out or put in."""
    data = bytearray(draw(good))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(("change", "remove", "insert", "cut", "repeat"))):
            case "change":
                data[place : place + 1] = bytes([draw(st.integers(0, 255))])
            case "remove":
                del data[place : place + 1]
            case "insert":
                data[place:place] = draw(st.binary(min_size=1, max_size=4))
            case "cut":
                del data[place:]
            case "repeat":
                data += data[place : place + 8]
    return bytes(data)
