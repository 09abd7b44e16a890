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
from typing import TypeVar

from twisted.internet.endpoints import serverFromString
from twisted.python.usage import Options, UsageError

import gamenet
from gamenet.errors import BadSetting
from gamenet.interfaces import Address

__all__ = [
    "OperatorOptions",
    "readAddress",
    "readCount",
    "readEndpoint",
    "readSeconds",
    "readSecret",
]

_T = TypeVar("_T")

#: The shortest secret: with less, somebody who sees one credential can guess it.
SECRET_MINIMUM = 8

#: The longest; a longer file is hardly meant.
SECRET_LIMIT = 1024


def readAddress(option: str, text: str, host_needed: bool = False, lowest: int = 0) -> Address:
    """
    Read C{[HOST:]PORT}.

    @param option: The option, for the refusal.
    @param host_needed: Whether C{PORT} alone will not do.
    @param lowest: The lowest port.
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
    try:
        socket.inet_pton(socket.AF_INET, host)
    except (OSError, ValueError):
        raise UsageError(
            f"{option}: {text!r} is not {wanted} with a numeric IPv4 host"
        ) from None
    return host, int(port)


def readEndpoint(option: str, text: str) -> str:
    """
    Read a description of a server endpoint.

    @param option: The option, for the refusal.
    @return: The same description.
    @raise UsageError: Twisted cannot read it.
    """
    from twisted.internet import reactor

    try:
        serverFromString(reactor, text)
    except Exception as error:
        # Every type of endpoint, plugins among them, has errors of its own.
        raise UsageError(
            f"{option}: {text!r} is not a server endpoint such as tcp:7770 ({error})"
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
    try:
        with open(text, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(SECRET_LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{option}: cannot read {text!r}: {reason}") from None
    if os.name == "posix" and mode & stat.S_IROTH:
        raise UsageError(f"{option}: everybody can read {text!r}; do 'chmod 600' on it")
    secret = content.strip()
    if not secret:
        raise UsageError(f"{option}: {text!r} is empty")
    if len(secret) < SECRET_MINIMUM or len(content) > SECRET_LIMIT:
        raise UsageError(
            f"{option}: the secret in {text!r} is not from {SECRET_MINIMUM} to {SECRET_LIMIT} bytes"
        )
    if any(byte < 0x20 or byte == 0x7F for byte in secret):
        raise UsageError(f"{option}: {text!r} holds more than one line of text")
    return secret


class OperatorOptions(Options):
    """
    The options that every service has.

    @ivar status_endpoint: Where the status page is, or C{None}.
    @ivar ready_file: The ready file's absolute path, or C{None}.
    """

    optParameters = [
        ["ready-file", None, None, "write the real addresses here as JSON once it listens"],
        ["status", None, None, "serve counters as JSON over HTTP at this endpoint, /status"],
    ]

    def __init__(self) -> None:
        Options.__init__(self)
        self.status_endpoint: str | None = None
        self.ready_file: Path | None = None

    def opt_version(self) -> None:
        """Display gamenet's version and exit."""
        print(f"gamenet {gamenet.__version__}")
        sys.exit(0)

    def postOptions(self) -> None:
        """
        Check what is common; called by Twisted once everything is parsed.

        @raise UsageError: A value cannot work.
        """
        if self["status"] is not None:
            self.status_endpoint = readEndpoint("--status", self["status"])
        if self["ready-file"] is not None:
            path = Path(self["ready-file"]).absolute()
            try:
                possible = path.parent.is_dir() and not path.is_dir()
            except OSError:
                possible = False
            if not possible:
                raise UsageError(f"--ready-file: there can be no file {str(path)!r}")
            self.ready_file = path

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
        for option in self:
            text = re.sub(rf"\b{option.replace('-', '_')}\b", f"--{option}", text)
        return UsageError(text)
