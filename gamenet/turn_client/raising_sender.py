"""Sending for whoever wants to be told of a failure by C{OSError}."""

from __future__ import annotations

from collections.abc import Callable

from gamenet.interfaces import Address, DatagramSender

__all__ = ["raisingSender"]


def raisingSender(send: Callable[[bytes, Address], bool], why: str) -> DatagramSender:
    """
    Return C{send} as what raises C{OSError} where that says C{False}.

    @param send: Sends a packet to an address, and tells whether it left.
    @param why: The error's text.
    """

    def give(data: bytes, address: Address) -> object:
        if not send(data, address):
            raise OSError(why)
        return None

    return give
