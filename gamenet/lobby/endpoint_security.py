"""
Whether a stream to a lobby is one that nobody on the way can read.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

from gamenet.errors import InsecureConnection

__all__ = ["requireSecure"]

#: Endpoint types that encrypt, or that never leave the machine.
_SECURE_TYPES = ("ssl", "tls", "unix")

#: A field of an endpoint description: colons end it unless a backslash precedes them.
_FIELD = re.compile(r"(?:\\.|[^:\\])*", re.DOTALL)


def _fieldsOf(description: str) -> list[str]:
    """Return the fields of an endpoint description, still quoted."""
    fields = []
    position = 0
    while position <= len(description):
        match = _FIELD.match(description, position)
        assert match is not None
        fields.append(match.group())
        position = match.end() + 1
    return fields


def _hostOf(fields: list[str]) -> str:
    """Return the host that the fields of a C{tcp:} description name; empty without one."""
    host = ""
    for place, field in enumerate(fields):
        name, equals, value = field.partition("=")
        if equals and name == "host":
            host = value
        elif not equals and place == 0:
            host = field
    return re.sub(r"\\(.)", r"\1", host, flags=re.DOTALL)


def _isLoopback(host: str) -> bool:
    """Return whether a host is this machine itself, by its name alone: nothing is looked up."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def requireSecure(description: str, insecure: bool = False) -> None:
    """
    Insist that what is said over a stream stays between its ends: it is TLS, or
    it does not leave this machine.

    @param description: A Twisted endpoint description.
    @param insecure: Whether any other stream is wanted all the same.
    @raise InsecureConnection: It is another, and not wanted.
    """
    kind, *fields = _fieldsOf(description)
    kind = kind.lower()
    if insecure or kind in _SECURE_TYPES:
        return
    if kind == "tcp" and _isLoopback(_hostOf(fields)):
        return
    raise InsecureConnection(
        f"{description!r} is not encrypted: use a tls: endpoint, or say insecure=True"
    )
