"""
What an operator can change without a restart: secrets, users, and peers that are denied.

They come from files and from the environment, and never from the command line, where
everybody on the machine can read them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import define, field, frozen
from twisted.python.usage import UsageError

from gamenet.operation.operator_options import (
    readGuardedFile,
    readPeerRule,
    readSecret,
    secretFrom,
)
from gamenet.relay.credentials import USERS_LIMIT
from gamenet.wire.stun_attributes import USERNAME_LIMIT

__all__ = ["Reloadable", "ReloadableSources"]

#: Most bytes of any file here, and of a password.
_FILE_LIMIT = 4_194_304
_PASSWORD_LIMIT = 1024


@frozen
class Reloadable:
    """
    What was read.

    @ivar secrets: The secrets that ephemeral credentials are made from.
    @ivar users: Names and passwords.
    @ivar deny_peer: Networks and ranges, as the deny file has them.
    """

    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    users: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    deny_peer: tuple[str, ...] = ()

    def asJson(self) -> dict[str, object]:
        """Return what JSON can hold, for a worker's ears alone."""
        return {
            "secrets": [secret.decode("latin-1") for secret in self.secrets],
            "users": [list(user) for user in self.users],
            "deny_peer": list(self.deny_peer),
        }

    @classmethod
    def fromJson(cls, value: Mapping[str, Sequence[Any]]) -> Reloadable:
        """Return what L{asJson} was made of."""
        return cls(
            tuple(str(secret).encode("latin-1") for secret in value["secrets"]),
            tuple((str(user[0]), str(user[1])) for user in value["users"]),
            tuple(str(rule) for rule in value["deny_peer"]),
        )


@define
class ReloadableSources:
    """
    Where it is read from, in the order of the command line.

    @ivar secrets: Of each secret the option, and the absolute path of a file or the name of
        a variable.
    @ivar users_file: The users' file, or C{None}.
    @ivar deny_file: The file of denied peers, or C{None}.
    """

    secrets: list[tuple[str, str]] = field(factory=list)
    users_file: str | None = None
    deny_file: str | None = None

    def read(self, environment: Mapping[str, str]) -> Reloadable:
        """
        Read everything.

        @param environment: The process's.
        @raise UsageError: Something is missing or cannot work; the text names the option
            and the file, and quotes no secret.
        """
        secrets = []
        for option, source in self.secrets:
            if option == "--secret-env":
                if source not in environment:
                    raise UsageError(f"{option}: there is no {source!r} in the environment")
                secret = secretFrom(option, source, os.fsencode(environment[source]))
            else:
                secret = readSecret(option, source)
            secrets.append(secret)
        return Reloadable(
            tuple(secrets),
            () if self.users_file is None else _readUsers("--users-file", self.users_file),
            () if self.deny_file is None else _readRules("--deny-peer-file", self.deny_file),
        )


def _readLines(option: str, path: str, secret: bool) -> list[tuple[int, str]]:
    """Return the lines that say something, each with its number."""
    content = readGuardedFile(option, path, _FILE_LIMIT, secret)
    if len(content) > _FILE_LIMIT:
        raise UsageError(f"{option}: {path!r} has more than {_FILE_LIMIT} bytes")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise UsageError(f"{option}: {path!r} is not UTF-8") from None
    numbered = enumerate(text.split("\n"), 1)
    lines = [(number, line.removesuffix("\r")) for number, line in numbered]
    return [(number, line) for number, line in lines if line.strip() and line[0] != "#"]


def _readUsers(option: str, path: str) -> tuple[tuple[str, str], ...]:
    users: dict[str, str] = {}
    for number, line in _readLines(option, path, secret=True):
        name, colon, password = line.partition(":")
        good = (
            colon
            and line.isprintable()
            and 0 < len(name.encode()) <= USERNAME_LIMIT
            and 0 < len(password.encode()) <= _PASSWORD_LIMIT
        )
        if not good:
            raise UsageError(f"{option}: line {number} of {path!r} is not NAME:PASSWORD")
        if name in users:
            raise UsageError(f"{option}: line {number} of {path!r} has a name for the second time")
        users[name] = password
        if len(users) > USERS_LIMIT:
            raise UsageError(f"{option}: {path!r} has more than {USERS_LIMIT} users")
    if not users:
        raise UsageError(f"{option}: there are no users in {path!r}")
    return tuple(users.items())


def _readRules(option: str, path: str) -> tuple[str, ...]:
    rules = []
    for number, line in _readLines(option, path, secret=False):
        rule = line.split("#", 1)[0].strip()
        try:
            rules.append(readPeerRule(option, rule))
        except UsageError as error:
            raise UsageError(f"{error}, in line {number} of {path!r}") from None
    return tuple(rules)
