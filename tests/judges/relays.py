"""
The relay that is judged: our C{twistd gamenet-relay}, or coturn, each in a process
of its own on loopback.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
from twisted.internet import reactor
from twisted.web.client import Agent, readBody

from tests.judges.certificate import writeCertificate
from tests.judges.programs import Running, freePorts, program
from tests.twistd_process import TwistdProcess

__all__ = [
    "COTURN",
    "OURS",
    "PASSWORD",
    "REALM",
    "SECRET",
    "USER",
    "Judged",
    "judged",
    "startRelay",
]

OURS = "ours"
COTURN = "coturn"

SECRET = "0123456789abcdef-not-to-be-seen"
USER = "foo"
PASSWORD = "bar"
REALM = "gamenet.test"

_HOST = "127.0.0.1"
_OTHER_HOST = "127.0.0.2"
_RELAYED_PORTS = 1000

#: Every allocation of a judge is of one user and one address, and no more files may be
#: open than are few anywhere.
_LIMITS = ("--allocations-of-user", "200", "--allocations", "1000")


def judged() -> str:
    """Return which relay is to be judged: C{GAMENET_JUDGED}, ours where it is not set."""
    return os.environ.get("GAMENET_JUDGED", OURS)


@attrs.frozen
class Places:
    """
    The ports and files of a relay.

    @ivar folder: Where its files are.
    @ivar port: Its port of UDP and of TCP.
    @ivar tls_port: Its port of TLS.
    @ivar alternate_port: The port of its second address.
    @ivar first_relayed: The first of its relayed ports.
    @ivar certificate: The file of its certificate.
    @ivar key: The file of its key.
    """

    folder: Path
    port: int
    tls_port: int
    alternate_port: int
    first_relayed: int
    certificate: Path
    key: Path


@attrs.define
class Judged:
    """
    A relay that is running.

    @ivar kind: L{OURS} or L{COTURN}.
    @ivar host: Its address.
    @ivar other_host: Its second address, where it discovers behavior.
    @ivar places: Its ports and files.
    @ivar output: Called for what it wrote.
    @ivar status: Its status page, or C{None}.
    """

    kind: str
    host: str
    other_host: str
    places: Places
    output: Callable[[], bytes]
    status: str | None = None

    @property
    def port(self) -> int:
        """Its port of UDP and of TCP."""
        return self.places.port

    @property
    def tls_port(self) -> int:
        """Its port of TLS."""
        return self.places.tls_port

    async def counters(self) -> dict[str, Any]:
        """Return what its status page says; only ours has one."""
        assert self.status is not None
        response = await Agent(reactor).request(b"GET", self.status.encode())
        return json.loads(await readBody(response))  # type: ignore[no-any-return]


def _places(folder: Path) -> Places:
    # coturn takes the port after each of these for a second one.
    port, _, tls_port, _, alternate_port, *_ = freePorts(6)
    first_relayed = freePorts(_RELAYED_PORTS)[0]
    certificate, key = writeCertificate(folder)
    return Places(folder, port, tls_port, alternate_port, first_relayed, certificate, key)


def _coturnCommand(places: Places, user: bool, loopback: bool, discovery: bool) -> list[str]:
    command = [
        *(
            "-n",
            "--user-quota=200",
            "--no-cli",
            "--no-dtls",
            "--fingerprint",
            "--simple-log",
            "--log-file=stdout",
        ),
        *(f"--listening-ip={_HOST}", f"--relay-ip={_HOST}", "--relay-ip=::1"),
        *(f"--listening-port={places.port}", f"--tls-listening-port={places.tls_port}"),
        f"--min-port={places.first_relayed}",
        f"--max-port={places.first_relayed + _RELAYED_PORTS - 1}",
        *(f"--cert={places.certificate}", f"--pkey={places.key}", f"--realm={REALM}"),
        f"--pidfile={places.folder / 'coturn.pid'}",
    ]
    if user:
        command += ["--lt-cred-mech", f"--user={USER}:{PASSWORD}"]
    else:
        command += ["--use-auth-secret", f"--static-auth-secret={SECRET}"]
    if loopback:
        command.append("--allow-loopback-peers")
    if discovery:
        command += [
            f"--listening-ip={_OTHER_HOST}",
            f"--alt-listening-port={places.alternate_port}",
        ]
    return command


async def _startCoturn(
    places: Places, user: bool, loopback: bool, discovery: bool
) -> tuple[Judged, Callable[[], object]]:
    command = _coturnCommand(places, user, loopback, discovery)
    running = Running(program("turnserver"), *command, folder=str(places.folder))
    await running.says("Total General servers")
    relay = Judged(COTURN, _HOST, _OTHER_HOST, places, lambda: running.output)
    return relay, lambda: running.stop("KILL")


def _ourOptions(places: Places, loopback: bool, discovery: bool) -> list[str]:
    (places.folder / "relay.secret").touch(mode=0o600)
    (places.folder / "relay.secret").write_text(SECRET + "\n")
    (places.folder / "relay.users").touch(mode=0o600)
    (places.folder / "relay.users").write_text(f"{USER}:{PASSWORD}\n")
    files = f"privateKey={places.key}:certKey={places.certificate}"
    options = [
        *("--udp", f"{_HOST}:{places.port}"),
        *("--listen", f"tcp:{places.port}:interface={_HOST}"),
        *("--listen", f"tls:{places.tls_port}:interface={_HOST}:{files}"),
        *("--relay-address", _HOST, "--relay-address", "::1"),
        *(
            "--port-range",
            f"{places.first_relayed}-{places.first_relayed + _RELAYED_PORTS - 1}",
        ),
        *("--realm", REALM, "--secret-file", "relay.secret", "--users-file", "relay.users"),
        *("--status", f"tcp:0:interface={_HOST}"),
        *_LIMITS,
    ]
    if loopback:
        options += ["--allow-peer", "127.0.0.0/8", "--allow-peer", "::1/128"]
    if discovery:
        options += ["--alternate", f"{_OTHER_HOST}:{places.alternate_port}"]
    return options


async def _startOurs(
    places: Places, user: bool, loopback: bool, discovery: bool
) -> tuple[Judged, Callable[[], object]]:
    process = TwistdProcess(
        reactor, places.folder, "gamenet-relay", *_ourOptions(places, loopback, discovery)
    )
    ready = await process.ready()
    relay = Judged(OURS, _HOST, _OTHER_HOST, places, lambda: process.output, str(ready["status"]))
    return relay, process.stop


async def startRelay(
    kind: str,
    cleanup: Callable[..., object],
    *,
    user: bool = False,
    loopback: bool = True,
    discovery: bool = False,
) -> Judged:
    """
    Start a relay with UDP, TCP and TLS on loopback.

    @param kind: L{OURS} or L{COTURN}.
    @param cleanup: A test's C{addCleanup}: the relay ends with the test.
    @param user: Whether coturn knows L{USER} and L{PASSWORD} instead of L{SECRET}; ours
        knows both.
    @param loopback: Whether peers may be on loopback.
    @param discovery: Whether it has a second address, for RFC 5780.
    """
    folder = Path(tempfile.mkdtemp())
    cleanup(shutil.rmtree, folder)
    places = _places(folder)
    start = _startOurs if kind == OURS else _startCoturn
    relay, stop = await start(places, user, loopback, discovery)
    cleanup(stop)
    return relay
