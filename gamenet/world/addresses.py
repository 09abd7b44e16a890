"""Numeric addresses of both families, and which of them a machine has."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address
from socket import AF_INET6, inet_ntop, inet_pton

from attrs import define

from gamenet.errors import BadSetting

__all__ = [
    "LOOPBACK",
    "LOOPBACK_SIX",
    "WILDCARD",
    "WILDCARD_SIX",
    "OwnAddresses",
    "isNumeric",
    "isSix",
    "numericForm",
]

LOOPBACK = "127.0.0.1"
LOOPBACK_SIX = "::1"

#: All of a machine's IPv4 addresses.
WILDCARD = "0.0.0.0"

#: All of a machine's IPv6 addresses.
WILDCARD_SIX = "::"

_MAPPED = "::ffff:"


def isNumeric(host: str) -> bool:
    """Return whether a host is a numeric IPv4 address."""
    try:
        IPv4Address(host)
    except AddressValueError:
        return False
    return True


def isSix(host: str) -> bool:
    """Return whether a numeric host is of IPv6."""
    return ":" in host


def numericForm(host: str) -> str | None:
    """
    Return the one way to write a numeric address of either family, or C{None} for what is
    none: a name, an address with a scope, an IPv4-mapped one.
    """
    if not isSix(host):
        return host if isNumeric(host) else None
    try:
        form = inet_ntop(AF_INET6, inet_pton(AF_INET6, host))
    except (OSError, ValueError):
        return None
    return None if form.startswith(_MAPPED) and "." in form else form


@define(eq=False, repr=False)
class OwnAddresses:
    """
    The addresses of a machine, as its sockets and streams see them.

    @ivar all: Every one, of both families, in the order in which they are preferred.
    """

    all: tuple[str, ...]

    @classmethod
    def of(cls, *texts: str) -> OwnAddresses:
        """
        Return the addresses that a machine may be given, each in its one form.

        @raise gamenet.errors.BadSetting: There is none, or one is not numeric, or belongs to
            every machine.
        """
        forms = []
        for text in texts:
            form = numericForm(text)
            if form is None or form in (LOOPBACK_SIX, WILDCARD_SIX):
                raise BadSetting(f"not a numeric address of a machine: {text!r}")
            forms.append(form)
        if not forms:
            raise BadSetting("a machine has at least one address")
        return cls(tuple(forms))

    def four(self) -> tuple[str, ...]:
        """Return those of IPv4."""
        return tuple(host for host in self.all if not isSix(host))

    def six(self) -> tuple[str, ...]:
        """Return those of IPv6."""
        return tuple(host for host in self.all if isSix(host))

    def isOwn(self, host: str) -> bool:
        """Return whether an address is the machine's, or loopback."""
        return (
            host in self.all
            or host == LOOPBACK_SIX
            or (host.startswith("127.") and isNumeric(host))
        )

    def isLocal(self, host: str) -> bool:
        """Return whether datagrams to a host stay on the machine, in whatever form it is."""
        if host.lower().startswith(_MAPPED) and isNumeric(host[len(_MAPPED) :]):
            return self.isLocal(host[len(_MAPPED) :])
        form = numericForm(host)
        return form is not None and (form in (WILDCARD, WILDCARD_SIX) or self.isOwn(form))

    def boundBy(self, interface: str) -> tuple[str, ...]:
        """Return every address that is bound with an interface; nothing if it is not ours."""
        if interface in ("", WILDCARD):
            return (*self.four(), LOOPBACK)
        if interface == WILDCARD_SIX:
            return (*self.six(), LOOPBACK_SIX)
        form = numericForm(interface)
        return (form,) if form is not None and self.isOwn(form) else ()

    def sourceFor(self, destination: str) -> str | None:
        """Return where what goes to a numeric address leaves from, or C{None}: it cannot."""
        if self.isOwn(destination):
            return destination
        family = self.six() if isSix(destination) else self.four()
        return family[0] if family else None
