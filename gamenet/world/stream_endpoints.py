"""Twisted's endpoints, for streams of the world: C{"tcp:…"} descriptions and what they make."""

from __future__ import annotations

from math import isfinite

from attrs import define
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
    IStreamServerEndpoint,
)
from zope.interface import implementer

from gamenet.errors import BadAddress
from gamenet.world.connect_attempt import ConnectAttempt
from gamenet.world.listening_port import WorldPort
from gamenet.world.stream_host import StreamHost

__all__ = ["WorldClientEndpoint", "WorldServerEndpoint", "clientEndpoint", "serverEndpoint"]

_CONNECT_TIMEOUT = 30.0


@implementer(IStreamClientEndpoint)
@define(eq=False, repr=False)
class WorldClientEndpoint:
    """
    Connects a machine with an address.

    @ivar destination: Host, by number or by name, and port.
    @ivar timeout: Seconds, of the machine's own time, to wait for an answer.
    @ivar interface: The local address to connect from, or C{""}.
    """

    host: StreamHost
    destination: tuple[str, int]
    timeout: float = _CONNECT_TIMEOUT
    interface: str = ""

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Connect.

        @return: Fires with the connected protocol; fails with
            C{twisted.internet.error.ConnectionRefusedError} where nobody
            listens, C{twisted.internet.error.TimeoutError} where nobody answers,
            C{twisted.internet.error.DNSLookupError} for a name nobody published.
        """
        attempt = ConnectAttempt(
            self.host, protocolFactory, self.destination, self.timeout, self.interface
        )
        return attempt.start()


@implementer(IStreamServerEndpoint)
@define(eq=False, repr=False)
class WorldServerEndpoint:
    """
    Listens on a machine.

    @ivar port: The port, or 0 for any.
    @ivar interface: The local address, or C{""} for all of them.
    """

    host: StreamHost
    port: int
    interface: str = ""

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """
        Listen.

        @return: Fires with the listening port, or fails with
            C{twisted.internet.error.CannotListenError}.
        """
        port = WorldPort(self.host, protocolFactory, self.port, self.interface)
        try:
            port.startListening()
        except CannotListenError:
            return fail()
        return succeed(port)


def clientEndpoint(host: StreamHost, description: str) -> WorldClientEndpoint:
    """
    Return what a description such as C{"tcp:203.0.113.1:7770:timeout=5"} stands for.

    @raise gamenet.errors.BadAddress: It stands for nothing here.
    """
    positional, named = _parse(description, ("host", "port"))
    host_name = named.pop("host", None)
    port = named.pop("port", None)
    timeout = named.pop("timeout", str(_CONNECT_TIMEOUT))
    interface = named.pop("bindAddress", "")
    if named or positional or not host_name or port is None:
        raise BadAddress(f"not a stream's address: {description!r}")
    destination = (host_name, _port(port, description, 1))
    return WorldClientEndpoint(host, destination, _seconds(timeout, description), interface)


def serverEndpoint(host: StreamHost, description: str) -> WorldServerEndpoint:
    """
    Return what a description such as C{"tcp:7770:interface=127.0.0.1"} stands for.

    @raise gamenet.errors.BadAddress: It stands for nothing here.
    """
    positional, named = _parse(description, ("port",))
    port = named.pop("port", None)
    interface = named.pop("interface", "")
    named.pop("backlog", None)
    if named or positional or port is None:
        raise BadAddress(f"not an address to listen at: {description!r}")
    return WorldServerEndpoint(host, _port(port, description, 0), interface)


def _parse(description: str, order: tuple[str, ...]) -> tuple[list[str], dict[str, str]]:
    """
    Split a description.

    @param order: The names of the positional parts.
    @return: The positional parts that have no name, and those that have, by name.
    """
    parts: list[str] = [""]
    escaped = False
    for character in description:
        if escaped:
            parts[-1] += character
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == ":":
            parts.append("")
        else:
            parts[-1] += character
    if parts[0] != "tcp":
        raise BadAddress(f"the world has only tcp streams: {description!r}")
    named: dict[str, str] = {}
    positional: list[str] = []
    for part in parts[1:]:
        name, equals, value = part.partition("=")
        if equals:
            if name in named:
                raise BadAddress(f"{name!r} is given twice: {description!r}")
            named[name] = value
        else:
            positional.append(part)
    for name in order:
        if name not in named and positional:
            named[name] = positional.pop(0)
    return positional, named


def _port(text: str, description: str, lowest: int) -> int:
    if not (text.isascii() and text.isdigit() and lowest <= int(text) <= 65_535):
        raise BadAddress(f"not a port: {text!r} in {description!r}")
    return int(text)


def _seconds(text: str, description: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not (seconds > 0.0 and isfinite(seconds)):
        raise BadAddress(f"not a number of seconds: {text!r} in {description!r}")
    return seconds
