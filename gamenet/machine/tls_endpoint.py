"""
Listening with TLS, with a certificate that can be renewed without a restart.

C{tls:PORT[:interface=HOST]:privateKey=FILE[:certKey=FILE][:extraCertChain=FILE]} is
written as Twisted's C{ssl:} is: a backslash before a colon, an equals sign or a
backslash makes it a part of the value.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, cast

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IReactorTime,
    IStreamServerEndpoint,
)
from zope.interface import implementer

from gamenet.errors import BadAddress
from gamenet.interfaces import IReloadableEndpoint
from gamenet.machine.socket_options import familyOf

if TYPE_CHECKING:
    from gamenet.machine.certificates import ReloadableCertificate

__all__ = ["PREFIX", "TlsServerEndpoint", "tlsServerEndpoint"]

#: What a description of such an endpoint begins with.
PREFIX = "tls:"

_NAMES = ("port", "interface", "backlog", "privateKey", "certKey", "extraCertChain")
_BACKLOG = 50


@implementer(IStreamServerEndpoint, IReloadableEndpoint)
@define(eq=False)
class TlsServerEndpoint:
    """
    Listens for streams and makes each a TLS server's.

    @ivar port: The port; 0 lets the system choose.
    @ivar interface: The numeric local address; C{""} is all of those of IPv4.
    @ivar backlog: How many connections may wait to be accepted.
    @ivar certificate: What it shows.
    """

    _reactor: IReactorTime = field(repr=False)
    port: int
    interface: str
    backlog: int
    certificate: ReloadableCertificate

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """
        Listen.

        @return: Fires with the listening port, or fails as Twisted's endpoints do.
        """
        from twisted.protocols.tls import TLSMemoryBIOFactory

        kind: Any = TCP6ServerEndpoint if ":" in self.interface else TCP4ServerEndpoint
        endpoint = kind(self._reactor, self.port, self.backlog, self.interface)
        factory = TLSMemoryBIOFactory(self.certificate, False, protocolFactory, self._reactor)
        return cast("Deferred[IListeningPort]", endpoint.listen(factory))

    def reload(self) -> None:
        """
        Read the certificate again, for the connections from now on.

        @raise BadSetting: It cannot be used; the one before stays in use.
        """
        self.certificate.reload()


def tlsServerEndpoint(reactor: IReactorTime, description: str) -> TlsServerEndpoint:
    """
    Return the endpoint that a description names, with its certificate read.

    @param description: Begins with L{PREFIX}; C{certKey} is the C{privateKey}'s file where
        it is not given.
    @raise BadAddress: It is none, or the C{tls} extra is not installed.
    @raise BadSetting: The key or a certificate cannot be used.
    """
    values = _values(description)
    port = _number(values.get("port", ""), 0, 65_535, description)
    backlog = _number(values.get("backlog", str(_BACKLOG)), 1, 65_535, description)
    interface = values.get("interface", "")
    private_key = values.get("privateKey")
    if not private_key:
        raise BadAddress(f"privateKey= is missing: {description!r}")
    try:
        if interface:
            socket.inet_pton(familyOf(interface), interface)
    except (OSError, ValueError) as error:
        raise BadAddress(f"not a numeric address: {interface!r} in {description!r}") from error
    try:
        from gamenet.machine.certificates import CertificateFiles, ReloadableCertificate
    except ImportError as error:
        raise BadAddress(
            f"{description!r} needs pyopenssl and service_identity: install gamenet[tls] ({error})"
        ) from error
    files = CertificateFiles(
        private_key, values.get("certKey", private_key), values.get("extraCertChain")
    )
    return TlsServerEndpoint(reactor, port, interface, backlog, ReloadableCertificate(files))


def _values(description: str) -> dict[str, str]:
    """
    Return the parts of a description by name.

    @raise BadAddress: A name is unknown, given twice, or not given.
    """
    values: dict[str, str] = {}
    for name, value in _parts(description)[1:]:
        known = "port" if name is None else name
        if known not in _NAMES or known in values:
            raise BadAddress(f"not understood or given twice: {value!r} in {description!r}")
        values[known] = value
    return values


def _parts(description: str) -> list[tuple[str | None, str]]:
    """Split a description at its colons into names, where there are any, and values."""
    parts: list[tuple[str | None, str]] = []
    name: str | None = None
    value = ""
    characters = iter(description)
    for character in characters:
        if character == "\\":
            value += next(characters, "")
        elif character == ":":
            parts.append((name, value))
            name, value = None, ""
        elif character == "=" and name is None:
            name, value = value, ""
        else:
            value += character
    return [*parts, (name, value)]


def _number(text: str, lowest: int, highest: int, description: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise BadAddress(f"not a number: {text!r} in {description!r}")
    if not lowest <= int(text) <= highest:
        raise BadAddress(f"{text} is not from {lowest} to {highest} in {description!r}")
    return int(text)
