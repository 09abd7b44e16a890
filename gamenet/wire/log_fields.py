"""
The kinds of field that the shared session has beside those of
L{gamenet.wire.lobby_fields}, to whose rules they keep.
"""

from __future__ import annotations

import unicodedata
from enum import IntEnum

import attrs

from gamenet.wire import canonical_cbor
from gamenet.wire.lobby_fields import Field, Row, Text, packRow, unpackRow

__all__ = [
    "CodeOf",
    "Content",
    "Key",
    "OrNone",
    "Packed",
    "Phrase",
    "Tagged",
    "packedArray",
    "requireAscending",
]

#: Categories of characters that nothing which people read may hold: those of
#: L{gamenet.wire.lobby_fields.Text}.
_FORBIDDEN_CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")

#: Format characters that texts hold all the same: joined emoji and Persian need them.
_JOINERS = "\u200c\u200d"


@attrs.frozen
class CodeOf:
    """
    A member of an enumeration: an integer on the wire.

    @ivar codes: The enumeration.
    """

    codes: type[IntEnum]

    def pack(self, value: object) -> int:
        """Return the member's number."""
        if type(value) is not self.codes:
            raise ValueError(f"must be a {self.codes.__name__}")
        return int(value)

    def unpack(self, wire: object) -> IntEnum:
        """Return the member with that number."""
        if type(wire) is not int:
            raise ValueError(f"must be the number of a {self.codes.__name__}")
        try:
            return self.codes(wire)
        except ValueError:
            raise ValueError(f"no {self.codes.__name__} has that number") from None


@attrs.frozen
class Content:
    """
    A byte string that means something to the game alone.

    @ivar highest: The most bytes that are accepted; none at all is good.
    """

    highest: int

    def pack(self, value: object) -> object:
        """Return the bytes, checked."""
        return self.unpack(value)

    def unpack(self, wire: object) -> bytes:
        """Return the bytes."""
        if type(wire) is not bytes or len(wire) > self.highest:
            raise ValueError(f"must be at most {self.highest} bytes")
        return wire


@attrs.frozen
class Phrase:
    """
    A text for a person that may begin and end with spaces, but holds no control
    character, line end or bidirectional override.

    @ivar lowest: The fewest characters (code points) that are accepted.
    @ivar highest: The most characters that are accepted.
    @ivar octets: The most bytes in UTF-8; 4 for each character are always enough.
    """

    lowest: int
    highest: int
    octets: int

    def pack(self, value: object) -> object:
        """Return the text, checked."""
        return self.unpack(value)

    def unpack(self, wire: object) -> str:
        """Return the text."""
        if type(wire) is not str or not self.lowest <= len(wire) <= self.highest:
            raise ValueError(f"must be a text of {self.lowest} to {self.highest} characters")
        if not (wire.isascii() and wire.isprintable()):
            for character in wire:
                forbidden = unicodedata.category(character) in _FORBIDDEN_CATEGORIES
                if forbidden and character not in _JOINERS:
                    raise ValueError(f"must not hold the character U+{ord(character):04X}")
            if len(wire.encode()) > self.octets:
                raise ValueError(f"must be at most {self.octets} bytes in UTF-8")
        return wire


@attrs.frozen
class Key(Text):
    """
    A name that is also short in bytes.

    @ivar octets: The most bytes in UTF-8.
    """

    octets: int

    def unpack(self, wire: object) -> str:
        """Return the key."""
        text = Text.unpack(self, wire)
        if len(text.encode()) > self.octets:
            raise ValueError(f"must be at most {self.octets} bytes in UTF-8")
        return text


@attrs.frozen
class OrNone:
    """
    What may be missing: null on the wire and C{None} here.

    @ivar field: What it is where it is there.
    """

    field: Field

    def pack(self, value: object) -> object:
        """Return what stands in the array for a value."""
        return None if value is None else self.field.pack(value)

    def unpack(self, wire: object) -> object:
        """Return the value that an element of the array stands for."""
        return None if wire is None else self.field.unpack(wire)


@attrs.frozen
class Tagged:
    """
    One of several kinds of value: an array of the kind's number and its fields.

    @ivar kinds: The classes, by their numbers.
    """

    kinds: dict[int, type[Row]] = attrs.field(hash=False)

    def pack(self, value: object) -> list[object]:
        """Return the array of the value."""
        number = getattr(type(value), "number", 0)
        if self.kinds.get(number) is not type(value):
            raise ValueError("is not of a kind that belongs here")
        return [number, *packRow(value)]

    def unpack(self, wire: object) -> Row:
        """Return the value."""
        if type(wire) is not list or not wire or type(wire[0]) is not int:
            raise ValueError("must be an array that begins with an integer")
        kind = self.kinds.get(wire[0])
        if kind is None:
            raise ValueError("is of a kind that nobody here knows")
        return unpackRow(kind, wire[1:])


def packedArray(items: list[bytes]) -> bytes:
    """
    Return the canonical CBOR of an array of at most 255 values that are canonical
    CBOR already.  Called by a state, which keeps the bytes of what did not change.
    """
    count = len(items)
    head = bytes((0x80 + count,)) if count < 24 else bytes((0x98, count))
    return head + b"".join(items)


def requireAscending(numbers: list[int] | list[str], what: str) -> None:
    """
    @param what: What they are, for the error.
    @raise ValueError: They are not in ascending order, or one is there twice.
    """
    for place in range(1, len(numbers)):
        if numbers[place] <= numbers[place - 1]:  # type: ignore[operator]
            raise ValueError(f"{what} must be in ascending order, none twice")


class Packed(Row):
    """
    A value that remembers its bytes, for the digests of the states that hold it: the
    class adds a C{packed} that calls L{Packed.encoded} once.
    """

    __slots__ = ()

    def encoded(self) -> bytes:
        """Return the value's canonical CBOR."""
        return canonical_cbor.encode(packRow(self))
