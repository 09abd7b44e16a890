"""
Ranges of addresses: the rules of an operator, and a table that tells in one
search which rule decides.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from heapq import heappop, heappush
from ipaddress import ip_address, ip_network

from attrs import frozen

from gamenet.errors import BadSetting

__all__ = ["RULE_LIMIT", "AddressRange", "RangeTable", "networks"]

#: Most rules of one kind.
RULE_LIMIT = 100_000


@frozen
class AddressRange:
    """
    The addresses of one family from one to another, whole numbers both: the order
    of addresses is that of their numbers, never that of their bytes one by one
    (coturn's 6c13608c).

    @ivar version: 4 or 6.
    @ivar first: The lowest address.
    @ivar last: The highest, itself included.
    """

    version: int
    first: int
    last: int


def networks(texts: Iterable[str]) -> tuple[AddressRange, ...]:
    """
    Read rules.

    @param texts: Networks such as C{"127.0.0.0/8"}, single addresses, and ranges such
        as C{"10.0.0.5-10.0.1.9"}, first and last both included.
    @raise BadSetting: One is none of these, has bits set beyond its prefix, a scope,
        ends of two families or in the wrong order; or there are over
        L{RULE_LIMIT}.  The text names the rule.
    """
    read: list[AddressRange] = []
    for text in texts:
        if len(read) == RULE_LIMIT:
            raise BadSetting(f"over {RULE_LIMIT} rules for addresses, at {text!r}")
        try:
            read.append(_read(text))
        except ValueError as error:
            raise BadSetting(f"not a network or range of addresses: {text!r} ({error})") from None
    return tuple(read)


class RangeTable:
    """
    What rules say of the addresses of one family.

    Of the rules that hold an address the narrowest decides, and of equally
    narrow ones the later.  Built once, in order n log n of the rules; asked in
    order log n.
    """

    __slots__ = ("_labels", "_starts")

    def __init__(self, version: int, rules: Iterable[tuple[AddressRange, int]]) -> None:
        """
        @param version: The family, 4 or 6.  Rules of the other are passed over.
        @param rules: Ranges and what each says.
        """
        ordered = sorted(
            (rule.first, place, rule.last, label)
            for place, (rule, label) in enumerate(rules)
            if rule.version == version
        )
        edges: dict[int, None] = {}
        for first, _, last, _ in ordered:
            edges[first] = None
            edges[last + 1] = None
        self._starts = [0]
        self._labels = [0]
        holding: list[tuple[int, int, int, int]] = []
        taken = 0
        for edge in sorted(edges):
            while taken < len(ordered) and ordered[taken][0] == edge:
                first, place, last, label = ordered[taken]
                heappush(holding, (last - first, -place, last, label))
                taken += 1
            while holding and holding[0][2] < edge:
                heappop(holding)
            label = holding[0][3] if holding else 0
            if label != self._labels[-1]:
                self._starts.append(edge)
                self._labels.append(label)

    def label(self, number: int) -> int:
        """
        Return what the deciding rule says of an address, 0 where there is none.

        @param number: The address as a whole number.
        """
        return self._labels[bisect_right(self._starts, number) - 1]


def _read(text: str) -> AddressRange:
    if "%" in text:
        raise ValueError("a scope")
    first, dash, last = text.partition("-")
    if not dash:
        network = ip_network(text)
        return AddressRange(network.version, int(network[0]), int(network[-1]))
    lowest, highest = ip_address(first.strip()), ip_address(last.strip())
    if lowest.version != highest.version:
        raise ValueError("two families")
    if int(lowest) > int(highest):
        raise ValueError("the last is before the first")
    return AddressRange(lowest.version, int(lowest), int(highest))
