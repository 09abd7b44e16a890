"""
HTML that cannot be broken out of: every text is escaped unless it was made here.
"""

from __future__ import annotations

from html import escape

from gamenet.inspector.verdict import printable

__all__ = ["TEXT_SHOWN", "Markup", "joined", "tag"]

#: The longest text from a log that is shown, in characters.
TEXT_SHOWN = 4000

_VOID = frozenset(["meta", "input", "br", "link"])


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def _escaped(text: str) -> str:
    """Return a text as HTML: escaped, cut, and without signs that cannot be seen."""
    return escape(printable(text, TEXT_SHOWN), quote=True)


def joined(*children: str) -> Markup:
    """Return children one after the other; those that are no L{Markup} are escaped."""
    return Markup(
        "".join([each if isinstance(each, Markup) else _escaped(each) for each in children])
    )


def tag(name: str, /, *children: str, **attributes: object) -> Markup:
    """
    Return an element.

    @param name: Its name.
    @param children: What is in it; what is no L{Markup} is escaped.
    @param attributes: Its attributes: C{class_} is C{class}, an underscore a hyphen,
        C{True} an attribute without a value; C{False} and C{None} are left out.
    """
    parts = [f"<{name}"]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        parts.append(f" {attribute}")
        if value is not True:
            parts.append(f'="{_escaped(str(value)) if not _isPlain(value) else value}"')
    if name in _VOID:
        return Markup("".join(parts) + ">")
    return Markup(f"{''.join(parts)}>{joined(*children)}</{name}>")


def _isPlain(value: object) -> bool:
    """Whether a value is made of figures alone, or is markup: a path may be long."""
    return isinstance(value, (int, float, Markup))
