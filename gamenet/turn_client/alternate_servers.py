"""
Being sent to another relay: 300 Try Alternate (RFC 8489, sections 10 and 14.15).

Everything is pure.  Who connects asks L{AlternateServers} where to go next;
it stops loops, chains without end, and servers that cannot be meant.
"""

from __future__ import annotations

from attrs import define, evolve, field, frozen

from gamenet.errors import MalformedMessage, RelayRefused
from gamenet.interfaces import Address
from gamenet.wire.nat_discovery import decodeAddress
from gamenet.wire.stun import StunMessage
from gamenet.wire.stun_attributes import ALTERNATE_SERVER
from gamenet.wire.transport_address import isSendable
from gamenet.wire.turn_transport import Transport

__all__ = [
    "ALTERNATE_DOMAIN",
    "HOPS_LIMIT",
    "TRY_ALTERNATE",
    "AlternateServers",
    "TryAlternate",
    "TurnServer",
    "readAlternate",
]

#: The code of the refusal.
TRY_ALTERNATE = 300
#: The attribute that names whose certificate the other server shows.
ALTERNATE_DOMAIN = 0x8003
#: Most redirections that are followed one after the other.
HOPS_LIMIT = 4

_LONGEST_DOMAIN = 253


@frozen
class TurnServer:
    """
    Where a relay is and how it is spoken with.

    @ivar host: Numeric over UDP; over a stream it may be a name.
    @ivar port: The port.
    @ivar transport: UDP, TCP or TLS.
    @ivar domain: Whom the certificate must be for, over TLS; C{""} is C{host}.
    @ivar trust_roots: A folder of PEM files, as Twisted's C{tls:} endpoint reads
        C{trustRoots}; C{""} trusts whom the platform trusts.
    """

    host: str
    port: int = 3478
    transport: Transport = Transport.UDP
    domain: str = ""
    trust_roots: str = ""

    @property
    def address(self) -> Address:
        """Host and port."""
        return self.host, self.port

    def endpoint(self, timeout: float) -> str:
        """
        Return the description of the endpoint that connects with it.

        @param timeout: Seconds to wait for the connection; whole ones are written.
        """
        place = f"tcp:{_escaped(self.host)}:{self.port}:timeout={max(1, round(timeout))}"
        if self.transport is not Transport.TLS:
            return place
        # The name decides what certificate is good, the inner endpoint where it is.
        name = _escaped(self.domain or self.host)
        roots = f":trustRoots={_escaped(self.trust_roots)}" if self.trust_roots else ""
        return f"tls:{name}:{self.port}{roots}:endpoint={_escaped(place)}"


class TryAlternate(RelayRefused):
    """
    The relay wants another one to be asked.

    @ivar alternates: The other server's addresses; one a family.
    @ivar domain: Whom its certificate is for, C{""} where that was not said.
    """

    def __init__(self, reason: str, alternates: tuple[Address, ...], domain: str) -> None:
        super().__init__(TRY_ALTERNATE, reason)
        self.alternates = alternates
        self.domain = domain


def readAlternate(answer: StunMessage, reason: str) -> TryAlternate:
    """
    Return what a 300 says.

    Addresses that nothing can be sent to, and all after the first four, are left out.

    @param answer: An error answer of code L{TRY_ALTERNATE}.
    @param reason: Its reason phrase.
    @raise MalformedMessage: It has an ALTERNATE-SERVER that is no address, or an
        ALTERNATE-DOMAIN that is no name.
    """
    values = [value for kind, value in answer.attributes if kind == ALTERNATE_SERVER]
    addresses = tuple(filter(isSendable, map(decodeAddress, values[:4])))
    domain = answer.first(ALTERNATE_DOMAIN) or b""
    if len(domain) > _LONGEST_DOMAIN or not all(0x21 <= byte <= 0x7E for byte in domain):
        raise MalformedMessage("an ALTERNATE-DOMAIN that is no name")
    return TryAlternate(reason, addresses, domain.decode())


@define(eq=False)
class AlternateServers:
    """
    One chain of redirections, from the server that the caller chose.

    @ivar server: The server to ask now.
    @ivar hops_limit: Most redirections.
    """

    server: TurnServer
    hops_limit: int = HOPS_LIMIT
    _asked: list[Address] = field(init=False, factory=list)

    def follow(self, moved: TryAlternate) -> TurnServer:
        """
        Return the server that the one asked sends us to, and ask that from now on: over
        the same transport, by an address of the same family, with the same trust.

        @param moved: What it said.
        @raise RelayRefused: With code 300: it names no server that can be asked, one that
            was asked before, or it is one hop too many.
        """
        here = self.server
        # A stream may have begun with a name, which has no family.
        numeric = isSendable((here.host, here.port))
        fitting = [
            each
            for each in moved.alternates
            if not numeric or (":" in each[0]) == (":" in here.host)
        ]
        self._asked.append(here.address)
        if not fitting:
            raise RelayRefused(TRY_ALTERNATE, "no alternate server of our address family")
        host, port = fitting[0]
        if fitting[0] in self._asked:
            raise RelayRefused(TRY_ALTERNATE, f"sent to {host}:{port} in a circle")
        if len(self._asked) > self.hops_limit:
            raise RelayRefused(TRY_ALTERNATE, f"more than {self.hops_limit} alternate servers")
        domain = moved.domain or here.domain or here.host
        self.server = evolve(here, host=host, port=port, domain=domain)
        return self.server


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace(":", "\\:").replace("=", "\\=")
