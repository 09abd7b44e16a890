"""
Services that listen: what operators know of them, and their stream ports.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.python.failure import Failure
from zope.interface import Attribute, Interface

from gamenet.errors import BadSetting, CannotBind
from gamenet.interfaces import IMachine, IReloadableEndpoint

__all__ = ["IListeningService", "StreamPorts", "forget", "raiseNow"]


class IListeningService(Interface):
    """A service with ports, for whoever operates it."""

    listening = Attribute(
        "A Deferred that fires with None once every port is open, or fails with "
        "L{gamenet.errors.CannotBind}; None while the service is stopped."
    )

    def places() -> dict[str, object]:
        """Return where it listens: names and what JSON can hold; once it does."""

    def status() -> dict[str, object]:
        """Return its counters: names and what JSON can hold; at any time."""

    def reloadCertificates() -> None:
        """
        Read the certificates of its ports again; where there are none, do nothing.

        @raise gamenet.errors.BadSetting: One cannot be read; the old one stays.
        """


class StreamPorts:
    """
    The stream ports that lead to one factory.

    @ivar ports: Those that are open, in the order of their descriptions.
    """

    def __init__(self, machine: IMachine, descriptions: Sequence[str]) -> None:
        """
        @param machine: What they are opened on.
        @param descriptions: Twisted's server endpoint descriptions.
        @raise gamenet.errors.BadAddress: One is not a description.
        """
        self._descriptions = tuple(descriptions)
        self._endpoints = [machine.streamServerEndpoint(each) for each in descriptions]
        self._opening: list[Deferred[IListeningPort]] = []
        self.ports: list[IListeningPort] = []

    def open(self, factory: IProtocolFactory) -> Deferred[None]:
        """
        Listen at every endpoint.

        @return: Fires when all listen; fails with L{CannotBind}, and with
            every port closed, where one cannot.
        """
        return Deferred.fromCoroutine(self._open(factory))

    async def _open(self, factory: IProtocolFactory) -> None:
        try:
            for description, endpoint in zip(self._descriptions, self._endpoints, strict=True):
                try:
                    opening = endpoint.listen(factory)  # type: ignore[attr-defined]
                    self._opening.append(opening)
                    self.ports.append(await opening)
                except Exception as error:
                    cause = getattr(error, "socketError", error)
                    raise CannotBind(f"cannot listen at {description}: {cause}") from error
        except CannotBind:
            await self.close()
            raise

    def close(self) -> Deferred[None]:
        """Close what is open or about to be.  Closing twice is harmless."""
        opening, self._opening = self._opening, []
        for each in opening:
            each.cancel()
        ports, self.ports = self.ports, []
        closings = [port.stopListening() for port in ports]
        closed = gatherResults([each for each in closings if each is not None])
        return closed.addCallback(lambda _: None)

    def reload(self) -> None:
        """
        Read the certificates of the endpoints that have one again; streams stay open.

        @raise BadSetting: A certificate cannot be read.  Its endpoint keeps the old one, and
            the others have been read.
        """
        refusals = []
        for description, endpoint in zip(self._descriptions, self._endpoints, strict=True):
            if not IReloadableEndpoint.providedBy(endpoint):
                continue
            try:
                endpoint.reload()
            except BadSetting as error:
                refusals.append(f"{description}: {error}")
        if refusals:
            raise BadSetting("; ".join(refusals))

    def places(self) -> list[object]:
        """Return where the ports are: C{[host, port]}, or a text for what is not TCP."""
        places: list[object] = []
        for port in self.ports:
            address = port.getHost()
            if isinstance(address, IPv4Address | IPv6Address):
                places.append([address.host, address.port])
            else:
                places.append(str(address))
        return places


def raiseNow(listening: Deferred[None]) -> Deferred[None]:
    """
    Return a Deferred that has not failed yet.

    Endpoints listen at once or not at all, most of them; then whoever starts a
    service hears of it there and then.

    @raise gamenet.errors.CannotBind: It has failed.
    """
    failures: list[Failure] = []

    def note(failure: Failure) -> Failure:
        failures.append(failure)
        return failure

    listening.addErrback(note)
    if failures:
        listening.addErrback(forget)
        failures[0].raiseException()
    return listening


def forget(failure: Failure) -> None:
    """Take a failure that somebody has been told of, or whose service has ended."""
