"""
The settings that a player refuses to play without, one by one.

One of the packets of L{gamenet.wire.peer_packets}: TERMS, kind 5.  Behind the kind is
an array, in canonical CBOR, of at most L{TERMS_LIMIT} arrays of a name and a value, in
ascending order of the names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import attrs

from gamenet.errors import LocalProtocolError, MalformedMessage
from gamenet.wire import canonical_cbor
from gamenet.wire.input_frames import BODY_LIMIT

__all__ = [
    "TERMS_LIMIT",
    "TERM_TEXT_LIMIT",
    "TermValue",
    "Terms",
    "decodeTerms",
    "encodeTerms",
]

#: The most settings in one TERMS.
TERMS_LIMIT = 32

#: The most characters of a setting's name, and of a text that is its value.
TERM_TEXT_LIMIT = 128

#: What a setting can be; C{None} where it is not set.
TermValue: TypeAlias = int | str | None

_PACKET_LIMIT = 1 + BODY_LIMIT


@attrs.frozen
class Terms:
    """
    Say which settings a player refuses to play without, one by one.

    @ivar fields: Each setting's name and value, in ascending order of the names.
    """

    fields: tuple[tuple[str, TermValue], ...]


def encodeTerms(packet: Terms) -> bytes:
    """
    Return the bytes of a player's terms.

    @raise LocalProtocolError: They are out of bounds.
    """
    fields = packet.fields
    if type(fields) is not tuple or any(type(each) is not tuple for each in fields):
        raise LocalProtocolError("terms are a tuple of tuples")
    reason = _whyNotTerms(fields)
    if reason:
        raise LocalProtocolError(reason)
    data = b"\x05" + canonical_cbor.encode(fields)
    if len(data) > _PACKET_LIMIT:
        raise LocalProtocolError(f"terms of {len(data)} bytes, more than {_PACKET_LIMIT}")
    return data


def decodeTerms(data: bytes) -> Terms:
    """
    Return a player's terms.

    @raise MalformedMessage: They are out of bounds.
    """
    if not 2 <= len(data) <= _PACKET_LIMIT:
        raise MalformedMessage(f"terms of {len(data)} bytes")
    fields = canonical_cbor.decode(data[1:], max_depth=2)
    if type(fields) is not list or any(type(each) is not list for each in fields):
        raise MalformedMessage("terms that are no array of arrays")
    reason = _whyNotTerms(fields)
    if reason:
        raise MalformedMessage(reason)
    return Terms(tuple((name, value) for name, value in fields))


def _whyNotTerms(fields: Sequence[Sequence[object]]) -> str:
    """Return what is wrong with the names and values of some terms, C{""} for nothing."""
    if len(fields) > TERMS_LIMIT:
        return f"terms of {len(fields)} settings, more than {TERMS_LIMIT}"
    former = ""
    for field in fields:
        if len(field) != 2:
            return "a term that is no name and value"
        name, value = field
        if type(name) is not str or not name or len(name) > TERM_TEXT_LIMIT:
            return f"a term's name is a text of 1 to {TERM_TEXT_LIMIT} characters"
        if name <= former:
            return "terms that are not in ascending order of their names"
        if type(value) is str:
            if len(value) > TERM_TEXT_LIMIT:
                return f"a term's text of more than {TERM_TEXT_LIMIT} characters"
        elif type(value) is not int and value is not None:
            return f"a term of type {type(value).__name__}"
        former = name
    return ""
