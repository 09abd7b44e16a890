"""
The limits of a relay as options: one for every field of L{AllocationLimits} and of
L{StreamLimits}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import Attribute, fields

from gamenet.operation.operator_options import readCount, readSeconds
from gamenet.relay.quotas import AllocationLimits
from gamenet.relay.settings import StreamLimits

__all__ = ["limitNames", "limitParameters", "readLimits"]

#: What each limit of L{AllocationLimits} is, for the help.
_ALLOCATIONS = {
    "allocations": "most relayed ports, in total",
    "allocations_of_user": "most relayed ports of one user",
    "allocations_of_address": "most relayed ports of one source address",
    "permissions": "most permissions of one allocation",
    "permissions_of_user": "most permissions of one user",
    "permissions_of_address": "most permissions of one source address",
    "permissions_in_total": "most permissions, in total",
    "channels": "most channels of one allocation",
    "bandwidth": "bytes a second that may be relayed, in total",
    "bandwidth_of_user": "bytes a second of one user",
    "bandwidth_of_address": "bytes a second of one source address",
    "default_lifetime": "seconds, an allocation's where its client asks for none",
    "maximum_lifetime": "seconds, an allocation's without refresh at most",
    "age": "seconds that an allocation lives at most, however often it is refreshed",
    "permission_lifetime": "seconds that a permission lives",
    "channel_lifetime": "seconds that a channel lives",
}

#: The same of L{StreamLimits}.
_STREAMS = {
    "connections": "most TCP and TLS connections",
    "connections_of_address": "most TCP and TLS connections of one source address",
    "silence": "seconds that a connection may stay without an allocation",
    "partial": "seconds that half a message may wait for its other half",
}

Given = Callable[[Callable[[str, str], Any], str, Any], Any]


def _optionOf(limit: Attribute[Any]) -> str:
    if limit.name == "age":
        return "max-allocation-age"
    stream = "stream-" if limit.name in _STREAMS else ""
    return stream + limit.name.replace("_", "-")


def _limits() -> tuple[Attribute[Any], ...]:
    return (*fields(AllocationLimits), *fields(StreamLimits))


def limitParameters() -> list[list[str | None]]:
    """Return the options, as C{twisted.python.usage} wants them."""
    told = _ALLOCATIONS | _STREAMS
    return [
        [_optionOf(each), None, None, f"{told.get(each.name, each.name)} ({each.default:g})"]
        if isinstance(each.default, float)
        else [_optionOf(each), None, None, f"{told.get(each.name, each.name)} ({each.default})"]
        for each in _limits()
    ]


def limitNames() -> dict[str, str]:
    """Return the options of the limits that have another name, by that name."""
    names = {each.name: _optionOf(each) for each in _limits()}
    return {name: option for name, option in names.items() if name != option.replace("-", "_")}


def readLimits(given: Given) -> tuple[AllocationLimits, StreamLimits]:
    """
    Read all limits from the command line.

    @param given: L{gamenet.operation.operator_options.OperatorOptions.given}.
    @raise UsageError: A value is no number, or none that can be a limit.
    @raise gamenet.errors.BadSetting: A value is out of its bounds.
    """

    def values(limits: type[Any]) -> dict[str, Any]:
        return {
            each.name: given(
                readSeconds if isinstance(each.default, float) else readCount,
                _optionOf(each),
                each.default,
            )
            for each in fields(limits)
        }

    allocations = values(AllocationLimits)
    if given(readCount, "default-lifetime", None) is None:
        # Who lowers the maximum need not say that the default follows.
        allocations["default_lifetime"] = min(
            allocations["default_lifetime"], allocations["maximum_lifetime"]
        )
    return AllocationLimits(**allocations), StreamLimits(**values(StreamLimits))
