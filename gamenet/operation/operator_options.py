"""
What both plugins read from their command lines, and how a bad value is refused.

Every refusal names the option, quotes the value and says what would do.
"""

from __future__ import annotations

import os
import re
import socket
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar, TypeVar

from twisted.python.usage import Options, UsageError

import gamenet
from gamenet.errors import BadAddress, BadSetting
from gamenet.interfaces import Address
from gamenet.machine.reactor_machine import asMachine
from gamenet.relay.peer_policy import networks

__all__ = [
    "OperatorOptions",
    "readAddress",
    "readCount",
    "readEndpoint",
    "readFile",
    "readGuardedFile",
    "readHost",
    "readPeerRule",
    "readSeconds",
    "readSecret",
    "secretFrom",
]

_T = TypeVar("_T")

#: Least bytes of a secret: with less, somebody who sees one credential can guess it.
SECRET_LENGTH_MINIMUM = 8

#: Most bytes; a longer file is hardly meant.
SECRET_LENGTH_LIMIT = 1024


def readAddress(
    option: str, text: str, host_needed: bool = False, lowest: int = 0, ipv6: bool = False
) -> Address:
    """
    Read C{[HOST:]PORT}.

    @param option: The option, for the refusal.
    @param host_needed: Whether C{PORT} alone will not do.
    @param lowest: The lowest port.
    @param ipv6: Whether the host may be one of IPv6, in brackets.
    @return: The numeric host (C{""} where none is given) and the port.
    @raise UsageError: It is not that.
    """
    host, colon, port = text.rpartition(":")
    wanted = "HOST:PORT" if host_needed else "[HOST:]PORT"
    decimal = port.isascii() and port.isdecimal() and len(port) <= 5
    if not decimal or not lowest <= int(port) <= 65535:
        raise UsageError(
            f"{option}: {text!r} is not {wanted} with a port from {lowest} to 65535"
        )
    if not colon and not host_needed:
        return "", int(port)
    brackets = ipv6 and host.startswith("[") and host.endswith("]")
    numeric = _numericHost(host[1:-1] if brackets else host)
    if numeric is None or (":" in numeric) != brackets:
        kind = "numeric host, one of IPv6 in brackets" if ipv6 else "numeric IPv4 host"
        raise UsageError(f"{option}: {text!r} is not {wanted} with a {kind}") from None
    return numeric, int(port)


def readHost(option: str, text: str) -> str:
    """
    Read a numeric host of either family.

    @param option: The option, for the refusal.
    @return: The host in its usual form.
    @raise UsageError: It is not that.
    """
    host = _numericHost(text)
    if host is None:
        raise UsageError(f"{option}: {text!r} is not a numeric IPv4 or IPv6 host")
    return host


def _numericHost(text: str) -> str | None:
    """Return a numeric host in its usual form, C{None} for everything else."""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, text))
    except (OSError, ValueError):
        return None


def readPeerRule(option: str, text: str) -> str:
    """
    Read a network or a range of addresses.

    @param option: The option, for the refusal.
    @return: The same text.
    @raise UsageError: It is neither.
    """
    try:
        networks((text,))
    except BadSetting:
        raise UsageError(
            f"{option}: {text!r} is neither a network such as 192.0.2.0/24 nor a range such as "
            "192.0.2.7-192.0.2.99"
        ) from None
    return text


def readFile(option: str, text: str) -> Path:
    """
    Read the name of a file that will be written.

    @param option: The option, for the refusal.
    @return: Its absolute path.
    @raise UsageError: There can be no such file.
    """
    path = Path(text).absolute()
    try:
        possible = path.parent.is_dir() and not path.is_dir()
    except (OSError, ValueError):
        possible = False
    if not possible:
        raise UsageError(f"{option}: there can be no file {str(path)!r}")
    return path


def readEndpoint(option: str, text: str) -> str:
    """
    Read a description of a server endpoint.

    @param option: The option, for the refusal.
    @return: The same description.
    @raise UsageError: Twisted cannot read it.
    """
    from twisted.internet import reactor

    try:
        asMachine(reactor).streamServerEndpoint(text)
    except (BadAddress, BadSetting) as error:
        raise UsageError(
            f"{option}: {text!r} is not a server endpoint such as tcp:7770 "
            f"({error.__cause__ or error})"
        ) from None
    return text


def readSeconds(option: str, text: str) -> float:
    """
    Read a number of seconds.

    @param option: The option, for the refusal.
    @raise UsageError: It is not a number above 0.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise UsageError(f"{option}: {text!r} is not a number of seconds above 0")
    return seconds


def readCount(option: str, text: str) -> int:
    """
    Read a whole number.

    @param option: The option, for the refusal.
    @raise UsageError: It is not one from 1 to 2**31 - 1.
    """
    decimal = text.isascii() and text.isdecimal() and len(text) <= 10
    if not decimal or not 1 <= int(text) < 1 << 31:
        raise UsageError(f"{option}: {text!r} is not a whole number, at least 1")
    return int(text)


def readSecret(option: str, text: str) -> bytes:
    """
    Read a shared secret from the file that C{text} names.

    What surrounds it (a newline at the end) is not part of it.  Neither the
    secret nor anything derived from it is ever part of a refusal.

    @param option: The option, for the refusal.
    @raise UsageError: The file is missing, unreadable, readable for everybody, or what is
        in it cannot be a secret.
    """
    content = readGuardedFile(option, text, SECRET_LENGTH_LIMIT, secret=True)
    return secretFrom(option, text, content)


def readGuardedFile(option: str, path: str, limit: int, secret: bool) -> bytes:
    """
    Read a file that an operator named.

    @param option: The option, for the refusal.
    @param path: Its path.
    @param limit: Most bytes; of a longer file one more is returned.
    @param secret: Whether everybody may not be able to read it.
    @raise UsageError: It is missing, unreadable, or readable for everybody.
    """
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{option}: cannot read {path!r}: {reason}") from None
    if secret and os.name == "posix" and mode & stat.S_IROTH:
        raise UsageError(f"{option}: everybody can read {path!r}; do 'chmod 600' on it")
    return content


def secretFrom(option: str, text: str, content: bytes) -> bytes:
    """
    Return the secret in what a file or a variable holds.

    @param option: The option, for the refusal.
    @param text: The name of the file or the variable, for the refusal.
    @param content: What is in it.
    @raise UsageError: It cannot be a secret.
    """
    secret = content.strip()
    if not secret:
        raise UsageError(f"{option}: {text!r} is empty")
    if len(secret) < SECRET_LENGTH_MINIMUM or len(content) > SECRET_LENGTH_LIMIT:
        raise UsageError(
            f"{option}: the secret in {text!r} is not from {SECRET_LENGTH_MINIMUM} to "
            f"{SECRET_LENGTH_LIMIT} bytes"
        )
    if any(byte < 0x20 or byte == 0x7F for byte in secret):
        raise UsageError(f"{option}: {text!r} holds more than one line of text")
    return secret


class OperatorOptions(Options):
    """
    The options that every service has.

    @cvar setting_names: The options of settings that have another name.
    @ivar status_endpoint: Where the status page is, or C{None}.
    @ivar ready_file: The ready file's absolute path, or C{None}.
    @ivar json_log: The absolute path of the log of JSON objects, or C{None}.
    """

    setting_names: ClassVar[dict[str, str]] = {}

    optParameters = [
        ["ready-file", None, None, "write the real addresses here as JSON once it listens"],
        ["status", None, None, "serve counters as JSON over HTTP at this endpoint, /status"],
        ["json-log", None, None, "also log here, one JSON object a line; opened anew by SIGHUP"],
    ]

    def __init__(self) -> None:
        Options.__init__(self)
        self.status_endpoint: str | None = None
        self.ready_file: Path | None = None
        self.json_log: Path | None = None

    def opt_version(self) -> None:
        """Display gamenet's version and exit."""
        print(f"gamenet {gamenet.__version__}")
        sys.exit(0)

    def postOptions(self) -> None:
        """
        Check what is common; called by Twisted once everything is parsed.

        @raise UsageError: A value cannot work.
        """
        self.status_endpoint = self.given(readEndpoint, "status", None)
        self.ready_file = self.given(readFile, "ready-file", None)
        self.json_log = self.given(readFile, "json-log", None)

    def given(self, reader: Callable[[str, str], _T], option: str, unless: _T) -> _T:
        """
        Read an option's value.

        @param reader: One of this module's readers.
        @param option: The option's name, without the dashes.
        @param unless: What it is where it was not given.
        @raise UsageError: The value cannot work.
        """
        text: str | None = self[option]
        return unless if text is None else reader(f"--{option}", text)

    def refusal(self, error: BadSetting) -> UsageError:
        """
        Return the refusal of values that cannot work together.

        @param error: What the settings made of them; it says C{heartbeat_timeout}
            where the operator said C{--heartbeat-timeout}.
        """
        text = str(error)
        for setting, option in self.setting_names.items():
            if re.match(rf"{setting}\b", text):
                return UsageError(text.replace(setting, f"--{option}", 1))
        for option in self:
            text = re.sub(rf"\b{option.replace('-', '_')}\b", f"--{option}", text)
        return UsageError(text)
