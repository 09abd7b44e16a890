"""
The command line of C{twistd gamenet-relay}.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from attrs import fields
from twisted.python.usage import UsageError

from gamenet.errors import BadSetting
from gamenet.interfaces import Address
from gamenet.operation.limit_options import limitNames, limitParameters, readLimits
from gamenet.operation.operator_options import (
    OperatorOptions,
    readAddress,
    readCount,
    readEndpoint,
    readHost,
    readPeerRule,
    readSeconds,
)
from gamenet.operation.reloadable import Reloadable, ReloadableSources
from gamenet.operation.worker_plan import WORKERS_LIMIT, planWorkers
from gamenet.relay.credentials import CredentialStore
from gamenet.relay.peer_policy import networks
from gamenet.relay.settings import RelaySettings
from gamenet.wire.turn import FIRST_CHANNEL, LAST_CHANNEL_OF_RFC_5766

__all__ = ["Options"]


def _readPortRange(option: str, text: str) -> tuple[int, int]:
    """
    Read C{LOW-HIGH}.

    @raise UsageError: It is not that.
    """
    low, _, high = text.partition("-")
    if not all(p.isascii() and p.isdecimal() and len(p) <= 5 for p in (low, high)):
        raise UsageError(f"{option}: {text!r} is not LOW-HIGH")
    lowest, highest = int(low), int(high)
    if not 1 <= lowest <= highest <= 65535:
        raise UsageError(f"{option}: {text!r} is not LOW-HIGH with ports from 1 to 65535")
    return lowest, highest


def _readChannel(option: str, text: str) -> int:
    """
    Read a channel number, hexadecimal (C{0x4FFF}) or decimal.

    @raise UsageError: It is none.
    """
    try:
        channel = int(text, 16 if text[:2] in ("0x", "0X") else 10) if text.isalnum() else 0
    except ValueError:
        channel = 0
    if not FIRST_CHANNEL <= channel <= LAST_CHANNEL_OF_RFC_5766:
        raise UsageError(
            f"{option}: {text!r} is not a channel number from {FIRST_CHANNEL:#x} to "
            f"{LAST_CHANNEL_OF_RFC_5766:#x}"
        )
    return channel


def _readAlternate(option: str, text: str) -> Address:
    return readAddress(option, text, host_needed=True, ipv6=True)


def _readMetricsEndpoint(option: str, text: str) -> str:
    """
    Read the metrics' endpoint.

    @raise UsageError: It is none, or the library for metrics is missing.
    """
    try:
        import prometheus_client  # noqa: F401
    except ImportError:
        raise UsageError(
            f"{option}: {text!r} needs the library prometheus_client: "
            "pip install 'gamenet[metrics]'"
        ) from None
    return readEndpoint(option, text)


class Options(OperatorOptions):
    """
    The relay's options.

    @ivar settings: How the relay behaves; of several workers all together, see
        L{gamenet.operation.worker_plan.planWorkers}.
    @ivar sources: Where secrets, users and denied peers are read from.
    @ivar reloadable: What was read there.
    @ivar metrics_endpoint: Where the metrics are, or C{None}.
    @ivar workers: How many relays are started; 0 for one in this very process.
    @ivar arguments: What was parsed.
    @ivar directory: Where relative names of files begin.
    """

    synopsis = "[options]"
    longdesc = (
        "The relay: a STUN and TURN server (RFC 8489, RFC 8656) over UDP, TCP and TLS, with "
        "credentials that the lobby makes from a secret shared with it.  SIGHUP reads secrets, "
        "users, denied peers and certificates anew; SIGUSR1 takes no new allocations and ends "
        "with the last one.  Every option is explained in docs/relay.rst."
    )

    setting_names: ClassVar[dict[str, str]] = {
        "udp": "udp",
        "listen": "listen",
        "probe_ports": "probe-port",
        "relay_addresses": "relay-address",
        "external_addresses": "external-address",
        "last_channel": "last-channel",
        **limitNames(),
    }

    optParameters = [
        ["realm", None, "gamenet", "the realm that clients sign for"],
        ["users-file", None, None, "a file of long-term users, NAME:PASSWORD a line"],
        ["alternate", None, None, "HOST:PORT, a second address, for behavior discovery (RFC 5780)"],
        ["port-range", None, None, "LOW-HIGH, the relayed ports (the system chooses)"],
        ["last-channel", None, None, "the last channel number that clients may choose (0x7FFF)"],
        ["deny-peer-file", None, None, "a file of further denied peers, one a line"],
        [
            "drain-limit",
            None,
            None,
            "seconds that a drain waits for the last allocation "
            f"({fields(RelaySettings).drain_limit.default:g})",
        ],
        ["metrics", None, None, "serve metrics for Prometheus at this endpoint, /metrics"],
        ["workers", None, None, f"relays to start, each on ports of its own, 1 to {WORKERS_LIMIT}"],
        *limitParameters(),
    ]

    optFlags = [
        ["no-udp", None, "do not listen over UDP, only at --listen"],
        ["no-short-cut", None, "send packets between two allocations of this relay by its ports"],
    ]

    def __init__(
        self,
        read: Callable[[ReloadableSources, Mapping[str, str]], Reloadable] = ReloadableSources.read,
    ) -> None:
        """
        @param read: What reads the files; a worker is told their content instead.
        """
        super().__init__()
        self._read = read
        self._udp: list[Address] = []
        self._listen: list[str] = []
        self._probe_ports: list[Address] = []
        self._relay_addresses: list[str] = []
        self._external_addresses: list[str] = []
        self._allow_peer: list[str] = []
        self._deny_peer: list[str] = []
        self.sources = ReloadableSources()
        self.reloadable = Reloadable()
        self.settings = RelaySettings(secrets=(b"none yet",))
        self.metrics_endpoint: str | None = None
        self.workers = 0
        self.arguments: tuple[str, ...] = ()
        self.directory = os.getcwd()

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse a command line, and keep it for the workers; called by Twisted."""
        self.arguments = () if options is None else tuple(options)
        super().parseOptions(options)  # type: ignore[no-untyped-call]

    def opt_udp(self, address: str) -> None:
        """[HOST:]PORT to listen at over UDP (3478); repeatable"""
        self._udp.append(readAddress("--udp", address, ipv6=True))

    def opt_listen(self, description: str) -> None:
        """an endpoint for TCP or TLS, such as tcp:3478; repeatable"""
        self._listen.append(readEndpoint("--listen", description))

    def opt_probe_port(self, address: str) -> None:
        """[HOST:]PORT of a further UDP port that only answers Binding requests; repeatable"""
        self._probe_ports.append(readAddress("--probe-port", address, ipv6=True))

    def opt_relay_address(self, host: str) -> None:
        """the local address that relayed ports are opened at; repeatable, one of each family"""
        self._relay_addresses.append(readHost("--relay-address", host))

    def opt_external_address(self, host: str) -> None:
        """what clients are told instead, behind a 1:1 NAT; repeatable, one of each family"""
        self._external_addresses.append(readHost("--external-address", host))

    def opt_secret_file(self, path: str) -> None:
        """a file with the secret shared with the lobby; repeatable, for changing it"""
        self.sources.secrets.append(("--secret-file", os.path.join(self.directory, path)))

    def opt_secret_env(self, name: str) -> None:
        """the environment variable that holds such a secret; repeatable"""
        self.sources.secrets.append(("--secret-env", name))

    def opt_allow_peer(self, rule: str) -> None:
        """a network or range of peers that is opened, such as 127.0.0.0/8; repeatable"""
        self._allow_peer.append(readPeerRule("--allow-peer", rule))

    def opt_deny_peer(self, rule: str) -> None:
        """a network or range of peers that is denied, such as 192.0.2.7-192.0.2.9; repeatable"""
        self._deny_peer.append(readPeerRule("--deny-peer", rule))

    def postOptions(self) -> None:
        """
        Make the settings; called by Twisted once everything is parsed.

        @raise UsageError: A value cannot work, alone or with the others.
        """
        super().postOptions()
        self.metrics_endpoint = self.given(_readMetricsEndpoint, "metrics", None)
        for option in ("users-file", "deny-peer-file"):
            if self[option] is not None:
                path = os.path.join(self.directory, self[option])
                setattr(self.sources, option.split("-")[0] + "_file", path)
        reloadable = self.reloadable = self._read(self.sources, os.environ)
        if not reloadable.secrets and not reloadable.users:
            raise UsageError(
                "--secret-file, --secret-env or --users-file is needed: without a secret or a "
                "user nobody can be let in"
            )
        try:
            self.settings = self._settings(reloadable)
            self.check(reloadable)
            self.workers = self.given(readCount, "workers", 0)
            if self.workers:
                planWorkers(self.settings, self.workers)
        except BadSetting as error:
            raise self.refusal(error) from None
        if self.workers and os.name != "posix":
            raise UsageError(f"--workers: {self['workers']!r} needs POSIX processes and pipes")

    def check(self, reloadable: Reloadable) -> None:
        """
        Find out whether a relay of these settings can take what was read anew.

        @raise BadSetting: It cannot.
        """
        CredentialStore(reloadable.secrets, reloadable.users, self.settings.realm)
        networks(self.denied(reloadable))

    def denied(self, reloadable: Reloadable) -> tuple[str, ...]:
        """Return all denied peers, of the command line and of the file, each once."""
        return tuple(dict.fromkeys((*self._deny_peer, *reloadable.deny_peer)))

    def _settings(self, reloadable: Reloadable) -> RelaySettings:
        if self["no-udp"] and self._udp:
            raise UsageError("--no-udp and --udp exclude each other")
        limits, streams = readLimits(self.given)
        usual = RelaySettings(secrets=(b"none yet",))
        return RelaySettings(
            secrets=reloadable.secrets,
            users=reloadable.users,
            realm=self["realm"],
            udp=() if self["no-udp"] else tuple(self._udp) or usual.udp,
            listen=tuple(self._listen),
            probe_ports=tuple(self._probe_ports),
            alternate=self.given(_readAlternate, "alternate", None),
            relay_addresses=tuple(self._relay_addresses),
            external_addresses=tuple(self._external_addresses),
            port_range=self.given(_readPortRange, "port-range", None),
            allow_peer=tuple(self._allow_peer),
            deny_peer=self.denied(reloadable),
            last_channel=self.given(_readChannel, "last-channel", usual.last_channel),
            limits=limits,
            streams=streams,
            drain_limit=self.given(readSeconds, "drain-limit", usual.drain_limit),
            short_cut=not self["no-short-cut"],
        )
