"""
STUN and TURN servers as games and WebRTC configurations write them: URLs, and credentials.

C{stun:} as in RFC 7064, C{turn:} and C{turns:} as in RFC 7065.  Everything is checked when
it is given, so that a typing error shows before anybody waits for a path.  What the URLs can
say and gamenet does not speak is refused by name: C{stuns:}, and TURN over DTLS.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from attrs import field, frozen

from gamenet.errors import BadSetting
from gamenet.wire.opaque_string import opaqueString
from gamenet.wire.turn_transport import Transport

__all__ = ["IceServer"]

#: Schemes, and the port of each where the URL names none (RFC 7064 and 7065, section 3.2).
_PORTS = {"stun": 3478, "turn": 3478, "turns": 5349}

#: The most bytes of a username (RFC 8489, section 14.3).
_USERNAME_LIMIT = 508

#: The most bytes of a credential; RFC 8489 has no limit of its own.
_CREDENTIAL_LIMIT = 763

#: The most characters of a URL, and of a name in it (RFC 1035, section 2.3.4).
_URL_LIMIT = 512
_NAME_LIMIT = 253

_URL = re.compile(
    r"""
    (?P<scheme> [A-Za-z][A-Za-z0-9+.-]* ) :
    (?P<host> \[ [^\[\]]* \] | [^\[\]:?]* )
    (?: : (?P<port> [^?]* ) )?
    (?: \? (?P<query> .* ) )?
    """,
    re.VERBOSE,
)
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NUMERIC = re.compile(r"[0-9.]+")
_PORT = re.compile(r"[0-9]{1,5}")
_TRANSPORTS = {"transport=udp": Transport.UDP, "transport=tcp": Transport.TCP}


@frozen
class IceServer:
    """
    One server that helps players to reach one another; made by L{parse}.

    @ivar scheme: C{"stun"}, C{"turn"} or C{"turns"}.
    @ivar host: A name in lower case, or a numeric address without brackets.
    @ivar port: From 1 to 65 535.
    @ivar transport: How it is spoken with: UDP, TCP, or TLS for C{"turns"}.
    @ivar username: Who asks for a relay; empty for C{"stun"}.
    @ivar credential: The password that goes with it; empty for C{"stun"}.
    """

    scheme: str
    host: str
    port: int
    transport: Transport
    username: str = ""
    credential: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str, username: str = "", credential: str = "") -> IceServer:
        """
        Read a server.

        @param url: C{stun:host[:port]}, C{turn:host[:port][?transport=udp|tcp]} or
            C{turns:host[:port][?transport=tcp]}; an IPv6 address stands in brackets.
        @param username: For C{turn:} and C{turns:}, up to 508 bytes of UTF-8.
        @param credential: Likewise, up to 763 bytes.
        @raise BadSetting: Something of it is bad; the text says what.  It never shows the
            credential.
        """
        if type(url) is not str:
            raise BadSetting(f"the URL of an ICE server must be a text, not {url!r}")
        if len(url) > _URL_LIMIT:
            raise BadSetting(f"the URL of an ICE server has at most {_URL_LIMIT} characters")
        match = _URL.fullmatch(url)
        scheme = "" if match is None else match["scheme"].lower()
        if match is None or scheme not in _PORTS:
            raise BadSetting(f"{url!r} is no ICE server: it must begin with stun:, turn: or turns:")
        transport = _transportOf(url, scheme, match["query"])
        port = _portOf(url, scheme, match["port"])
        server = cls(
            scheme=scheme,
            host=_hostOf(url, match["host"]),
            port=port,
            transport=transport,
            username=username,
            credential=credential,
        )
        _checkCredentials(url, scheme, username, credential)
        return server

    @property
    def relays(self) -> bool:
        """Whether it is a relay, and not only a mirror of addresses."""
        return self.scheme != "stun"

    def __str__(self) -> str:
        """Return the URL, with everything that it can say; without the credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        if not self.relays:
            return f"{self.scheme}:{host}:{self.port}"
        name = "udp" if self.transport is Transport.UDP else "tcp"
        return f"{self.scheme}:{host}:{self.port}?transport={name}"


def _hostOf(url: str, host: str) -> str:
    """
    Return a URL's host in its one form.

    @raise BadSetting: It is neither a numeric address nor a name.
    """
    if host.startswith("["):
        try:
            return str(IPv6Address(_withoutZone(url, host[1:-1])))
        except AddressValueError:
            raise BadSetting(f"{url!r}: {host} is no IPv6 address") from None
    if _NUMERIC.fullmatch(host):
        try:
            return str(IPv4Address(host))
        except AddressValueError:
            raise BadSetting(f"{url!r}: {host} is no IPv4 address") from None
    if host.startswith("//"):
        raise BadSetting(f"{url!r}: no // follows the scheme of an ICE server")
    name = host.removesuffix(".")
    labels = name.split(".")
    if len(name) > _NAME_LIMIT or not all(map(_LABEL.fullmatch, labels)):
        raise BadSetting(f"{url!r}: {host!r} is neither a name nor an address")
    return name.lower()


def _withoutZone(url: str, address: str) -> str:
    """
    Return an IPv6 address.

    @raise BadSetting: It has a zone, which means nothing on another machine.
    """
    if "%" in address:
        raise BadSetting(f"{url!r}: an address of a server has no zone")
    return address


def _portOf(url: str, scheme: str, port: str | None) -> int:
    """
    Return a URL's port.

    @raise BadSetting: It is none.
    """
    if port is None:
        return _PORTS[scheme]
    if not _PORT.fullmatch(port) or not 1 <= int(port) <= 65_535:
        reason = "the port must be a whole number from 1 to 65535"
        brackets = ", and an IPv6 address stands in brackets" if ":" in port else ""
        raise BadSetting(f"{url!r}: {reason}{brackets}")
    return int(port)


def _transportOf(url: str, scheme: str, query: str | None) -> Transport:
    """
    Return how a URL wants its server to be spoken with.

    @raise BadSetting: That is not to be had.
    """
    if query is None:
        return Transport.TLS if scheme == "turns" else Transport.UDP
    if scheme == "stun":
        raise BadSetting(f"{url!r}: nothing follows the port of a stun: URL")
    transport = _TRANSPORTS.get(query.lower())
    if transport is None:
        raise BadSetting(f"{url!r}: only ?transport=udp or ?transport=tcp can follow")
    if scheme == "turn":
        return transport
    if transport is Transport.UDP:
        raise BadSetting(f"{url!r}: turns: is spoken over TLS, ?transport=tcp; not over DTLS")
    return Transport.TLS


def _checkCredentials(url: str, scheme: str, username: object, credential: object) -> None:
    """
    Check who asks for a relay, by what.

    @raise BadSetting: One of the two is missing, superfluous, or cannot be signed with.
    """
    given = (("username", username, _USERNAME_LIMIT), ("credential", credential, _CREDENTIAL_LIMIT))
    for name, text, limit in given:
        if type(text) is not str:
            raise BadSetting(f"{url!r}: the {name} must be a text, not a {type(text).__name__}")
        if scheme == "stun":
            if text:
                raise BadSetting(f"{url!r}: a stun: server takes no {name}")
            continue
        if not text:
            raise BadSetting(f"{url!r}: a relay needs a username and a credential; no {name}")
        try:
            length = len(opaqueString(text).encode())
        except BadSetting as error:
            raise BadSetting(f"{url!r}: the {name} is bad: {error}") from None
        if length > limit:
            raise BadSetting(f"{url!r}: the {name} has at most {limit} bytes, not {length}")
