"""
Takes the place of C{tests/turnserver.py} in aioice's own suite: instead of starting a
server of aioice's, it names the one that is to be judged.

Where it is, the environment says: C{JUDGED_PORT} for UDP and TCP, C{JUDGED_TLS_PORT},
C{JUDGED_CERTIFICATE}, C{JUDGED_USER} and C{JUDGED_PASSWORD}.
"""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import AsyncGenerator, Mapping

__all__ = ["CannotPretend", "get_server_address", "get_tls_credentials", "run_turn_server"]

_HOST = "127.0.0.1"


class CannotPretend(Exception):
    """The suite wants its server to fail; a real one does not do that when asked."""


def get_server_address() -> str:
    """Return the server's address."""
    return _HOST


def get_tls_credentials() -> tuple[str, ssl.SSLContext | None]:
    """Return the server's certificate; the context is for a server and is not needed."""
    with open(os.environ["JUDGED_CERTIFICATE"]) as file:
        return file.read(), None


class _Server:
    """What the suite looks at."""

    def __init__(self) -> None:
        self.udp_address = self.tcp_address = (_HOST, int(os.environ["JUDGED_PORT"]))
        self.tls_address = (_HOST, int(os.environ["JUDGED_TLS_PORT"]))

    @property
    def simulated_failure(self) -> object:
        """Nothing fails here that is not meant to."""
        return None

    @simulated_failure.setter
    def simulated_failure(self, failure: object) -> None:
        raise CannotPretend(failure)


@contextlib.asynccontextmanager
async def run_turn_server(users: Mapping[str, str] | None = None) -> AsyncGenerator[_Server, None]:
    """
    Yield the server that is judged.

    @param users: Whom the suite wants it to know: its own name and password, or nobody.
    """
    known = {os.environ["JUDGED_USER"]: os.environ["JUDGED_PASSWORD"]}
    assert not users or dict(users) == known, users
    yield _Server()
