"""The contract between a polled session and the loop that its network runs in."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from zope.interface import Attribute, Interface

__all__ = ["INetworkLoop"]


class INetworkLoop(Interface):
    """
    Runs the network of a process for games that own their loop.

    The game's side calls its methods; what it is given is called on the network's side.
    """

    threaded = Attribute("Whether it runs in a thread of its own, a C{bool}.")
    machine = Attribute("The L{gamenet.interfaces.IMachine}; for the network's side alone.")

    def seconds() -> float:
        """Return the time in seconds, which never goes back."""

    def call(function: Callable[[], object]) -> None:
        """Have C{function} called on the network's side, soon, in the order of the calls."""

    def turn() -> None:
        """Let the network do what is due, where it does not by itself; called by C{poll}."""

    def finish(ending: Callable[[], Deferred[None]], patience: float) -> bool:
        """
        Have C{ending} called on the network's side, and wait until what it returns has fired.

        @param patience: For how many seconds at the most.
        @return: Whether it has.
        """
