"""
The certificate that a listening TLS port shows, read from PEM files and read again
when they have been renewed.

Needs the C{tls} extra; L{gamenet.machine.tls_endpoint} sees to it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from attrs import define, field, frozen
from attrs.converters import optional
from OpenSSL.SSL import NO_OVERLAPPING_PROTOCOLS
from twisted.internet.interfaces import IProtocolNegotiationFactory
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    ContextFactory,
    PrivateCertificate,
    TLSVersion,
)

from gamenet.errors import BadSetting

__all__ = ["CertificateFiles", "ReloadableCertificate"]

#: RFC 7468, section 5.
_CERTIFICATE = re.compile(b"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)

#: Longer than any key or chain; what is longer is some other file.
_LONGEST_FILE = 1 << 20


def _absolute(path: str) -> str:
    return os.path.abspath(path)


@frozen
class CertificateFiles:
    """
    Where a certificate is.  Paths are made absolute at once: a daemon is elsewhere when it
    reads them again.

    @ivar private_key: The PEM file of the private key, without a passphrase.
    @ivar certificate: The PEM file of the certificate; those that follow it there are of
        its chain.
    @ivar chain: A PEM file of more of the chain, or C{None}.
    """

    private_key: str = field(converter=_absolute)
    certificate: str = field(converter=_absolute)
    chain: str | None = field(default=None, converter=optional(_absolute))

    def options(self) -> CertificateOptions:
        """
        Read the files.

        @return: What TLS connections are made with: TLS 1.2 or later.
        @raise BadSetting: One is missing, or not what it should be, or the key is not the
            certificate's.
        """
        key = _read(self.private_key)
        certificates = _certificates(self.certificate)
        chain = certificates[1:] + ([] if self.chain is None else _certificates(self.chain))
        try:
            shown = PrivateCertificate.loadPEM(certificates[0] + b"\n" + key)
            options = CertificateOptions(
                privateKey=shown.privateKey.original,
                certificate=shown.original,
                extraCertChain=[Certificate.loadPEM(each).original for each in chain],
                raiseMinimumTo=TLSVersion.TLSv1_2,
            )
            options.getContext().set_alpn_select_callback(_chooseProtocol)
        except Exception as error:
            raise BadSetting(
                f"{self.private_key!r} and {self.certificate!r} are not a key and its "
                f"certificate: {str(error) or type(error).__name__}"
            ) from error
        return options


@define(eq=False)
class ReloadableCertificate(ContextFactory):
    """
    Makes the context of each connection, with the certificate of that moment.

    @ivar files: Where the certificate is.
    """

    files: CertificateFiles
    _options: CertificateOptions = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """
        Read it.

        @raise BadSetting: It cannot be used.
        """
        self._options = self.files.options()

    def reload(self) -> None:
        """
        Read it again, for the connections from now on.

        @raise BadSetting: It cannot be used; the one before stays in use.
        """
        self._options = self.files.options()

    def getContext(self) -> Any:
        """Return the C{OpenSSL.SSL.Context} of a new connection; called by Twisted."""
        return self._options.getContext()


def _chooseProtocol(connection: Any, offered: list[bytes]) -> Any:
    """
    Choose what to speak over a connection whose client names protocols (RFC 7301): the first
    that the factory accepts; none where nothing overlaps, which Twisted's own choice makes
    a fatal alert of.
    """
    accepted = _protocolsOf(connection.get_app_data())
    for protocol in accepted:
        if protocol in offered:
            return protocol
    return NO_OVERLAPPING_PROTOCOLS


def _protocolsOf(application: Any) -> list[bytes]:
    """Return what the factory behind a TLS connection accepts."""
    negotiation = IProtocolNegotiationFactory(application.factory.wrappedFactory, None)
    return [] if negotiation is None else list(negotiation.acceptableProtocols())


def _read(path: str) -> bytes:
    """
    Return what a file holds.

    @raise BadSetting: It cannot be read, or is no file of this kind.
    """
    try:
        with Path(path).open("rb") as opened:
            content = opened.read(_LONGEST_FILE + 1)
    except (OSError, ValueError) as error:
        raise BadSetting(f"cannot read {path!r}: {error}") from error
    if len(content) > _LONGEST_FILE:
        raise BadSetting(f"{path!r} is no PEM file: it is longer than {_LONGEST_FILE} bytes")
    return content


def _certificates(path: str) -> list[bytes]:
    """
    Return every certificate of a PEM file.

    @raise BadSetting: There is none.
    """
    found: list[bytes] = _CERTIFICATE.findall(_read(path))
    if not found:
        raise BadSetting(f"{path!r} holds no certificate in PEM form")
    return found
