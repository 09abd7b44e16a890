"""
The names and passwords that people type, made comparable: the OpaqueString
profile (RFC 8265, section 4.2), which RFC 8489 asks for.

Everything is pure.  The contextual rules for joiners (RFC 8264, section 4.2.3)
are not carried out: a text with a joiner is refused.
"""

from __future__ import annotations

from bisect import bisect_right
from unicodedata import category, normalize

from gamenet.errors import BadSetting

__all__ = ["opaqueString"]

#: What may not stand in a text of RFC 8264's FreeformClass: control and format
#: characters, surrogates, private and unassigned ones, separators of lines.
_REFUSED_CATEGORIES = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")

#: First and last of what else may not: old Hangul letters and what nobody sees
#: (RFC 8264, sections 9.9 and 9.13).
_REFUSED_RANGES = (
    (0x034F, 0x034F),
    (0x1100, 0x11FF),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x3164, 0x3164),
    (0xA960, 0xA97C),
    (0xD7B0, 0xD7FB),
    (0xFE00, 0xFE0F),
    (0xFFA0, 0xFFA0),
    (0xE0100, 0xE01EF),
)
_REFUSED_STARTS = tuple(first for first, _ in _REFUSED_RANGES)


def opaqueString(text: str) -> str:
    """
    Return a typed name or password as it is signed and compared: every space
    is U+0020, and composed letters are composed (NFC).  Case stays.

    @raise BadSetting: It is empty or has a character that may not be in it;
        the text of the error does not quote it, since it may be a password.
    """
    spaced = "".join(" " if category(character) == "Zs" else character for character in text)
    prepared = normalize("NFC", spaced)
    if not prepared:
        raise BadSetting("an empty name or password")
    if any(_isRefused(character) for character in prepared):
        raise BadSetting("a name or a password with a character that nobody can type or see")
    return prepared


def _isRefused(character: str) -> bool:
    point = ord(character)
    place = bisect_right(_REFUSED_STARTS, point) - 1
    hidden = place >= 0 and point <= _REFUSED_RANGES[place][1]
    return hidden or category(character) in _REFUSED_CATEGORIES
