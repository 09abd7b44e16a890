"""
The id of a session as people pass it on: read aloud, typed, pasted into a chat.

On the wire a session's id is 16 hexadecimal digits (L{gamenet.wire.lobby_fields.SessionId});
people get them in groups of four: C{"0123-4567-89ab-cdef"}.
"""

from __future__ import annotations

import re

import attrs

from gamenet.errors import InvalidSessionId

__all__ = ["SessionId"]

_GROUP = 4
_DIGITS = re.compile(r"[0-9a-f]{16}")
_GROUPS = re.compile(r"[0-9a-f]{4}(?:-[0-9a-f]{4}){3}")

#: How many characters of a bad text its error quotes.
_QUOTED = 40


def _checked(instance: object, attribute: attrs.Attribute[str], digits: str) -> None:
    """Raise L{InvalidSessionId} unless there are 16 digits in lower case."""
    if type(digits) is not str or not _DIGITS.fullmatch(digits):
        raise _invalid(digits)


def _invalid(text: object) -> InvalidSessionId:
    """Return the error for what is no session id."""
    shown = ascii(text[:_QUOTED]) if isinstance(text, str) else f"a {type(text).__name__}"
    if isinstance(text, str) and len(text) > _QUOTED:
        shown += "..."
    return InvalidSessionId(
        f"{shown} is not the id of a session, which is 16 digits 0-9 and a-f in lower case,"
        " alone or as in 0123-4567-89ab-cdef: check that all of it was copied, and nothing else"
    )


@attrs.frozen(order=True)
class SessionId:
    """
    A session's id.  C{str()} gives the text for people, which L{parse} reads back.

    @ivar digits: 16 hexadecimal digits in lower case: what
        L{gamenet.lobby.client.LobbyClient} and its messages take.
    """

    digits: str = attrs.field(validator=_checked)

    @classmethod
    def parse(cls, text: str) -> SessionId:
        """
        Read a session's id.

        @param text: The text for people, or the 16 digits alone.  Nothing around it, no
            capitals, no other grouping.
        @raise InvalidSessionId: Anything else; the text says what to check.
        """
        if type(text) is str and (_DIGITS.fullmatch(text) or _GROUPS.fullmatch(text)):
            return cls(text.replace("-", ""))
        raise _invalid(text)

    def __str__(self) -> str:
        """Return the text for people: four groups of four digits."""
        places = range(0, len(self.digits), _GROUP)
        return "-".join(self.digits[place : place + _GROUP] for place in places)
