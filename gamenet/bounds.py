"""
Validators for settings: every limit in the house says what it must be, by name.

For C{attrs.field(validator=...)}; what they refuse is a
L{gamenet.errors.BadSetting} that names the field, its bounds and the value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from gamenet.errors import BadSetting

__all__ = ["number", "seconds", "wholeNumber"]

Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def number(lowest: float, highest: float, unit: str = "") -> Validator:
    """
    Return a validator for a number, both bounds included; not-a-number is none.

    @param unit: What is counted, for the refusal.
    """
    bounds = f"from {lowest:g} to {highest:g}{unit and ' ' + unit}"

    def check(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
        countable = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not countable or not lowest <= value <= highest:  # type: ignore[operator]
            raise BadSetting(f"{attribute.name} must be {bounds}, not {value!r}")

    return check


def seconds(lowest: float = 0.001, highest: float = 3600.0) -> Validator:
    """Return a validator for a duration in seconds, both bounds included."""
    return number(lowest, highest, "seconds")


def wholeNumber(lowest: int = 1, highest: int = (1 << 31) - 1) -> Validator:
    """Return a validator for a whole number, both bounds included."""

    def check(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if type(value) is not int or not lowest <= value <= highest:
            raise BadSetting(
                f"{attribute.name} must be a whole number from {lowest} to {highest}, not {value!r}"
            )

    return check
