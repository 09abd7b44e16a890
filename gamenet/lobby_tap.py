"""
C{twistd gamenet-lobby}: the lobby's command line.
"""

from __future__ import annotations

from attrs import evolve, fields_dict
from twisted.application.service import IService
from twisted.python.usage import UsageError

from gamenet.errors import BadSetting
from gamenet.interfaces import Address
from gamenet.lobby.relay_offer import RelayOffer
from gamenet.lobby.settings import LobbySettings
from gamenet.machine.reactor_machine import asMachine
from gamenet.operation.json_log import JsonLog
from gamenet.operation.operated_service import OperatedService
from gamenet.operation.operator_options import (
    OperatorOptions,
    readAddress,
    readCount,
    readEndpoint,
    readSeconds,
    readSecret,
)
from gamenet.operation.process_signals import ProcessSignals
from gamenet.services import lobbyService

__all__ = ["Options", "makeService"]

_TITLE = "gamenet-lobby"


def _default(setting: str) -> str:
    """Return the default of a setting, for the help."""
    return f"{fields_dict(LobbySettings)[setting].default:g}"


class Options(OperatorOptions):
    """
    The lobby's options.

    @ivar listen: The endpoint descriptions of the streams.
    @ivar udp: The local address and port for datagrams.
    @ivar settings: How the lobby behaves.
    """

    synopsis = "[options]"
    longdesc = (
        "The lobby: players meet here.  Its streams carry keys, so let players reach them by "
        "TLS (--listen ssl:7770:privateKey=key.pem:certKey=cert.pem); a player refuses plain TCP "
        "that is not loopback unless told otherwise."
    )

    optParameters = [
        ["udp", None, "7770", "[HOST:]PORT for heartbeats and STUN"],
        ["relay-secret-file", None, None, "a file with the secret shared with the relays"],
        ["relay-lifetime", None, None, "seconds that credentials for a relay are good for"],
        [
            "heartbeat-interval",
            None,
            None,
            f"seconds between heartbeats ({_default('heartbeat_interval')})",
        ],
        [
            "heartbeat-timeout",
            None,
            None,
            f"seconds of silence until lost ({_default('heartbeat_timeout')})",
        ],
        ["clients-limit", None, None, f"most connections ({_default('clients_limit')})"],
        [
            "clients-per-address",
            None,
            None,
            f"most connections of one address ({_default('clients_per_address')})",
        ],
        [
            "sessions-limit",
            None,
            None,
            f"most sessions ({_default('sessions_limit')})",
        ],
        [
            "capacity-limit",
            None,
            None,
            f"most seats of a session ({_default('capacity_limit')})",
        ],
    ]

    def __init__(self) -> None:
        super().__init__()
        self.listen: list[str] = []
        self._relays: list[Address] = []
        self.udp: Address = ("", 0)
        self.settings = LobbySettings()

    def opt_listen(self, description: str) -> None:
        """an endpoint for players' streams, such as tcp:7770 (the default); repeatable"""
        self.listen.append(readEndpoint("--listen", description))

    def opt_relay(self, address: str) -> None:
        """HOST:PORT of a relay to offer to players; repeatable: each session is given one"""
        self._relays.append(
            readAddress("--relay", address, host_needed=True, lowest=1, ipv6=True)
        )

    def postOptions(self) -> None:
        """
        Make the settings; called by Twisted once everything is parsed.

        @raise UsageError: A value cannot work, alone or with the others.
        """
        super().postOptions()
        self.listen = self.listen or ["tcp:7770"]
        self.udp = readAddress("--udp", self["udp"])
        usual = LobbySettings()
        try:
            self.settings = LobbySettings(
                heartbeat_interval=self.given(
                    readSeconds, "heartbeat-interval", usual.heartbeat_interval
                ),
                heartbeat_timeout=self.given(
                    readSeconds, "heartbeat-timeout", usual.heartbeat_timeout
                ),
                clients_limit=self.given(readCount, "clients-limit", usual.clients_limit),
                clients_per_address=self.given(
                    readCount, "clients-per-address", usual.clients_per_address
                ),
                sessions_limit=self.given(readCount, "sessions-limit", usual.sessions_limit),
                capacity_limit=self.given(readCount, "capacity-limit", usual.capacity_limit),
                relay=self._relayOffer(),
            )
        except BadSetting as error:
            raise self.refusal(error) from None

    def _relayOffer(self) -> RelayOffer | None:
        if not self._relays:
            for option in ("relay-secret-file", "relay-lifetime"):
                if self[option] is not None:
                    raise UsageError(f"--{option} says nothing without --relay")
            return None
        if self["relay-secret-file"] is None:
            raise UsageError("--relay needs the secret shared with it: --relay-secret-file")
        secret = readSecret("--relay-secret-file", self["relay-secret-file"])
        first, *further = self._relays
        offer = RelayOffer(first, secret, further_addresses=tuple(further))
        return evolve(offer, lifetime=self.given(readCount, "relay-lifetime", offer.lifetime))


def makeService(options: Options) -> IService:
    """
    Make the lobby that the command line asks for; called by twistd.

    @param options: The parsed command line.
    """
    from twisted.internet import reactor

    # Becoming a machine puts the reactor on monotonic time, before anything is scheduled.
    machine = asMachine(reactor)
    lobby = lobbyService(machine, options.settings, options.listen, options.udp)
    return OperatedService(
        _TITLE,
        machine,
        lobby,
        options.status_endpoint,
        options.ready_file,
        None if options.json_log is None else JsonLog(options.json_log),
        ProcessSignals(reactor),
    )
