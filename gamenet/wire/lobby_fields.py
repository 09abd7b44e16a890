"""
The kinds of field that lobby messages and their values are made of.

Each field knows its bounds and checks them in both directions: C{pack} before
a value leaves and C{unpack} when one arrives, so a message that we could not
accept is one that we cannot send.  Nothing is ever converted: an integer
where a text belongs is an error, a bool is no integer, C{1.0} is not C{1}.

Errors here are C{ValueError} with a text that never quotes what the peer sent;
L{gamenet.wire.lobby_messages} turns them into errors with the right name.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, TypeVar

import attrs

from gamenet.wire.transport_address import TransportAddress

__all__ = [
    "Field",
    "Flag",
    "ListOf",
    "LooseText",
    "Octets",
    "OneOf",
    "Row",
    "RowOf",
    "SessionId",
    "SomeOctets",
    "Text",
    "TransportAddress",
    "Whole",
    "nameProblem",
    "packRow",
    "unpackRow",
]

_R = TypeVar("_R", bound="Row")

#: Unicode categories that no text for a person may hold: control, format (with
#: the bidirectional overrides), surrogate, private use, line and paragraph
#: separators.  Unassigned is not among them: a younger Python knows more
#: characters than an older one, and both must agree on what is malformed.
_FORBIDDEN_CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")

_SESSION_ID = re.compile(r"[0-9a-f]{16}")


class Field(Protocol):
    """One element of a message's array: its type, its bounds, its form on the wire."""

    def pack(self, value: object) -> object:
        """
        Return what stands in the array for a value.

        @raise ValueError: The value is not of this field's type or out of bounds.
        """

    def unpack(self, wire: object) -> object:
        """
        Return the value that an element of the array stands for.

        @raise ValueError: It is not of this field's type or out of bounds.
        """


class Row:
    """
    A frozen value that travels as an array, one element a field.

    @cvar layout: The fields, in the order of the attributes.
    @cvar appended: How many of the last fields a later version of the protocol has
        appended.  They have defaults, and travel all or none of them.
    """

    __slots__ = ()

    layout: ClassVar[tuple[Field, ...]] = ()

    appended: ClassVar[int] = 0

    # attrs writes it: the names of the attributes, in their order.
    __match_args__: ClassVar[tuple[str, ...]] = ()

    def saysAppended(self) -> bool:
        """
        Return whether the fields that were appended travel.  Where they do not, the array is
        that of the version before.  A class that has such fields overrides it.
        """
        return True

    def requireConsistent(self) -> None:
        """
        Check what no field can tell alone.  Called in both directions, after
        each field has been found good.

        @raise ValueError: Two fields contradict one another.
        """


def packRow(row: Row) -> list[object]:
    """
    Return the array of a value.

    @raise ValueError: A field is out of bounds; the text names it.
    """
    packed: list[object] = []
    told = len(row.layout) if row.saysAppended() else len(row.layout) - row.appended
    for name, field in zip(row.__match_args__[:told], row.layout[:told], strict=True):
        try:
            packed.append(field.pack(getattr(row, name)))
        except ValueError as error:
            raise ValueError(f"{type(row).__name__}.{name}: {error}") from None
    row.requireConsistent()
    return packed


def unpackRow(row_type: type[_R], wire: object) -> _R:
    """
    Return the value that an array stands for.

    @param row_type: Which kind of value.
    @param wire: The decoded array; exactly as long as the layout, or as that was
        before fields were appended to it.
    @raise ValueError: It is not that; the text names the field.
    """
    length = len(row_type.layout)
    if type(wire) is not list or len(wire) not in (length, length - row_type.appended):
        raise ValueError(f"{row_type.__name__} is an array of {length}")
    values: list[Any] = []
    for field, item in zip(row_type.layout, wire, strict=False):
        try:
            values.append(field.unpack(item))
        except ValueError as error:
            name = row_type.__match_args__[len(values)]
            raise ValueError(f"{row_type.__name__}.{name}: {error}") from None
    row = row_type(*values)
    row.requireConsistent()
    return row


class _Unchanged:
    """A field whose values travel as they are: packing and unpacking are one check."""

    __slots__ = ()

    def pack(self, value: object) -> object:
        """Return the value, checked."""
        return self.unpack(value)

    def unpack(self, wire: object) -> object:
        """Return the value, checked."""
        raise NotImplementedError


@attrs.frozen
class Whole(_Unchanged):
    """
    An integer.

    @ivar lowest: The lowest that is accepted.
    @ivar highest: The highest that is accepted.
    """

    lowest: int
    highest: int

    def unpack(self, wire: object) -> int:
        """Return an integer within the bounds; a bool is none."""
        if type(wire) is not int or not self.lowest <= wire <= self.highest:
            raise ValueError(f"must be an integer from {self.lowest} to {self.highest}")
        return wire


@attrs.frozen
class Flag(_Unchanged):
    """A truth value."""

    def unpack(self, wire: object) -> bool:
        """Return a bool; an integer is none."""
        if type(wire) is not bool:
            raise ValueError("must be a bool")
        return wire


@attrs.frozen
class Octets(_Unchanged):
    """
    A byte string of one length.

    @ivar length: That length.
    """

    length: int

    def unpack(self, wire: object) -> bytes:
        """Return the bytes."""
        if type(wire) is not bytes or len(wire) != self.length:
            raise ValueError(f"must be {self.length} bytes")
        return wire


@attrs.frozen
class SomeOctets(_Unchanged):
    """
    A byte string whose length may vary.

    @ivar lowest: The fewest bytes that are accepted.
    @ivar highest: The most bytes that are accepted.
    """

    lowest: int
    highest: int

    def unpack(self, wire: object) -> bytes:
        """Return the bytes."""
        if type(wire) is not bytes or not self.lowest <= len(wire) <= self.highest:
            raise ValueError(f"must be {self.lowest} to {self.highest} bytes")
        return wire


@attrs.frozen
class LooseText(_Unchanged):
    """
    A text that its receiver judges for itself, so that it can refuse it by name.

    @ivar highest: The most characters that are accepted; none at all is good.
    """

    highest: int

    def unpack(self, wire: object) -> str:
        """Return the text."""
        if type(wire) is not str or len(wire) > self.highest:
            raise ValueError(f"must be a text of at most {self.highest} characters")
        return wire


@attrs.frozen
class Text(_Unchanged):
    """
    A text for a person, or for another protocol: without control, format or
    private characters, line ends, or spaces around it.

    @ivar lowest: The fewest characters (code points) that are accepted.
    @ivar highest: The most characters that are accepted.
    """

    lowest: int
    highest: int

    def unpack(self, wire: object) -> str:
        """Return the text."""
        if type(wire) is not str or not self.lowest <= len(wire) <= self.highest:
            raise ValueError(f"must be a text of {self.lowest} to {self.highest} characters")
        if not (wire.isascii() and wire.isprintable()):
            for character in wire:
                if unicodedata.category(character) in _FORBIDDEN_CATEGORIES:
                    raise ValueError(f"must not hold the character U+{ord(character):04X}")
        if wire != wire.strip():
            raise ValueError("must not begin or end with a space")
        return wire


@attrs.frozen
class OneOf(_Unchanged):
    """
    One of a few words.

    @ivar words: Those that are accepted.
    """

    words: tuple[str, ...]

    def unpack(self, wire: object) -> str:
        """Return the word."""
        if type(wire) is not str or wire not in self.words:
            raise ValueError(f"must be one of {', '.join(self.words)}")
        return wire


@attrs.frozen
class SessionId(_Unchanged):
    """The name of a session: 16 hexadecimal digits in lower case."""

    def unpack(self, wire: object) -> str:
        """Return the id."""
        if type(wire) is not str or not _SESSION_ID.fullmatch(wire):
            raise ValueError("must be 16 hexadecimal digits")
        return wire


@attrs.frozen
class RowOf:
    """
    A value with fields of its own, as an array within the array.

    @ivar row_type: Its class.
    """

    row_type: type[Row]

    def pack(self, value: object) -> list[object]:
        """Return the array of the value."""
        if type(value) is not self.row_type:
            raise ValueError(f"must be a {self.row_type.__name__}")
        return packRow(value)

    def unpack(self, wire: object) -> Row:
        """Return the value."""
        return unpackRow(self.row_type, wire)


@attrs.frozen
class ListOf:
    """
    Several values of one kind, a tuple here and an array on the wire.

    @ivar field: What each of them is.
    @ivar lowest: The fewest that are accepted.
    @ivar highest: The most that are accepted.
    @ivar identity: What no two of them may share; C{None} lets them be equal.
    """

    field: Field
    lowest: int
    highest: int
    identity: Callable[[Any], object] | None = None

    def pack(self, value: object) -> list[object]:
        """Return the array of the tuple."""
        if type(value) is not tuple:
            raise ValueError("must be a tuple")
        self._requireLength(len(value))
        packed = [self.field.pack(item) for item in value]
        self._requireDistinct(value)
        return packed

    def unpack(self, wire: object) -> tuple[object, ...]:
        """Return the tuple."""
        if type(wire) is not list:
            raise ValueError("must be an array")
        self._requireLength(len(wire))
        value = tuple([self.field.unpack(item) for item in wire])
        self._requireDistinct(value)
        return value

    def _requireLength(self, length: int) -> None:
        """Raise C{ValueError} for a number of values that is out of bounds."""
        if not self.lowest <= length <= self.highest:
            raise ValueError(f"must be {self.lowest} to {self.highest} values, not {length}")

    def _requireDistinct(self, value: tuple[object, ...]) -> None:
        """Raise C{ValueError} where two values share their identity."""
        identity = self.identity
        if identity is not None and len({identity(item) for item in value}) != len(value):
            raise ValueError("no two may be the same")


def nameProblem(text: str, highest: int) -> str | None:
    """
    Say why a text is no good as a name or a title, or return C{None}.

    Called by a lobby with the names that clients ask for.  It is a little
    stricter than what clients accept from their lobby, for it depends on the
    version of Unicode that this Python knows: characters that are not assigned yet are
    refused, and so is a text that is not in normal form C.

    @param text: Any text at all.
    @param highest: The most characters (code points): L{gamenet.wire.lobby_values.NAME_LIMIT}
        or L{gamenet.wire.lobby_values.TITLE_LIMIT}.
    @return: A text for a person, such as C{"must not begin or end with a space"}.
    """
    try:
        Text(1, highest).unpack(text)
    except ValueError as error:
        return str(error)
    for character in text:
        if unicodedata.category(character) == "Cn":
            return f"must not hold the character U+{ord(character):04X}"
    if not unicodedata.is_normalized("NFC", text):
        return "must be in Unicode's normal form C"
    return None
