"""
CBOR in exactly one form, or refused.

The form is the core deterministic encoding of RFC 8949, section 4.2.1: every
integer and length as short as it can be, definite lengths only, the keys of a
map in the order of their bytes, no key twice.  Of CBOR's kinds of value only
these travel::

    CBOR                    Python
    null                    None
    false, true             bool
    integer                 int, from -2**63 to 2**64 - 1
    byte string             bytes
    text string             str, valid UTF-8
    array                   list (a tuple is encoded as one)
    map                     dict, whose keys are all str

No floats, tags, C{undefined} or other simple values.  So there is one byte
string for a value and one value for a byte string, and what is signed, hashed
or kept as golden bytes can be decoded and encoded again without a difference.

The C{cbor2} package does the work, under the strictest of its settings, and is
not trusted to: its defaults ignore trailing bytes, keep the last of two equal
keys and let the sender choose which Python classes get built from tags.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NoReturn

import cbor2

from gamenet.errors import LocalProtocolError, MalformedMessage

__all__ = ["DEPTH_LIMIT", "decode", "encode"]

#: How many arrays and maps may stand inside one another, the outermost counted.
DEPTH_LIMIT = 8

_LOWEST = -(2**63)
_HIGHEST = 2**64 - 1

#: Values of these types travel whatever they hold.
_SCALARS = frozenset({str, bytes, bool, type(None)})


def _refuseTag(*_arguments: object) -> NoReturn:
    """Refuse any tag, whatever it holds."""
    raise ValueError("tags do not travel")


class _EveryTag(Mapping[int, Callable[..., NoReturn]]):
    """
    The decoder of every tag there is or will be: L{_refuseTag}.

    A mapping of the tags that are known today would let a later C{cbor2}
    build what it likes from the tags that it learns.
    """

    def __getitem__(self, tag: int) -> Callable[..., NoReturn]:
        return _refuseTag

    def __iter__(self) -> Iterator[int]:
        return iter(())

    def __len__(self) -> int:
        return 0


_EVERY_TAG = _EveryTag()


def _requireAllowed(value: object, depth: int) -> None:
    """
    Raise unless a value is of the kinds that travel.

    @param value: Anything at all.
    @param depth: How many arrays and maps may still open, this one included.
    @raise ValueError: It is not; the text says what was found.
    """
    if type(value) in _SCALARS:
        return
    if type(value) is int:
        if not _LOWEST <= value <= _HIGHEST:
            raise ValueError("an integer is outside of -2**63 to 2**64 - 1")
    elif depth <= 0:
        raise ValueError("arrays and maps are nested too deep")
    elif type(value) is list or type(value) is tuple:
        for item in value:
            _requireAllowed(item, depth - 1)
    elif type(value) is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise ValueError(f"a map's key is of type {type(key).__name__}, not str")
            _requireAllowed(item, depth - 1)
    else:
        raise ValueError(f"a value of type {type(value).__name__} does not travel")


def encode(value: object) -> bytes:
    """
    Encode a value in its one form.

    @param value: One of the kinds that travel (see the module's docstring).  The type
        itself counts: a subclass of C{int} or C{str} is refused.
    @return: The bytes; L{decode} gives an equal value back, with lists for
        tuples.
    @raise LocalProtocolError: The value is not of those kinds, is nested deeper than
        L{DEPTH_LIMIT}, or a text holds a lone surrogate.
    """
    try:
        _requireAllowed(value, DEPTH_LIMIT)
        return cbor2.dumps(value, canonical=True)
    except (ValueError, cbor2.CBOREncodeError) as error:
        raise LocalProtocolError(f"cannot be encoded: {error}") from error


def decode(data: bytes, max_depth: int = DEPTH_LIMIT) -> object:
    """
    Decode the one value that C{data} is the one form of.

    Called with what a peer sent; the size is the caller's to limit
    (L{gamenet.wire.framing} does).  Work and memory stay proportional to it,
    whatever lengths the bytes announce.

    @param data: The bytes, all of them.
    @param max_depth: How many arrays and maps may stand inside one another; from 1.
    @return: A value of the kinds that travel.
    @raise MalformedMessage: They are cut off, followed by more bytes, not in
        the one form, nested too deep, or hold what does not travel.
    """
    try:
        value: object = cbor2.loads(
            data,
            semantic_decoders=_EVERY_TAG,
            max_depth=max_depth,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            strict_hashable_types=True,
        )
        _requireAllowed(value, max_depth)
        if cbor2.dumps(value, canonical=True) != data:
            raise ValueError("not in canonical form")
    except (ValueError, cbor2.CBORError) as error:
        raise MalformedMessage(f"not canonical CBOR: {error}") from error
    return value
