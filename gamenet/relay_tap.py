"""
C{twistd gamenet-relay}: the relay's command line.
"""

from __future__ import annotations

from attrs import fields_dict
from twisted.application.service import IService
from twisted.python.usage import UsageError

from gamenet.errors import BadSetting
from gamenet.machine.reactor_machine import asMachine
from gamenet.operated_service import OperatedService
from gamenet.operator_options import OperatorOptions, readAddress, readCount, readSecret
from gamenet.relay.allocation import AllocationLimits
from gamenet.relay.settings import RelaySettings
from gamenet.services import relayService

__all__ = ["Options", "makeService"]

_TITLE = "gamenet-relay"


def _default(limit: str) -> str:
    """Return the default of a limit, for the help."""
    return f"{fields_dict(AllocationLimits)[limit].default:g}"


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


class Options(OperatorOptions):
    """
    The relay's options.

    @ivar settings: How the relay behaves.
    """

    synopsis = "[options]"
    longdesc = (
        "The relay: a STUN and TURN server (RFC 8489, RFC 8656) over UDP, with credentials that "
        "the lobby makes from a secret shared with it."
    )

    optParameters = [
        ["udp", None, "3478", "[HOST:]PORT to listen at"],
        ["realm", None, "gamenet", "the realm that clients sign for"],
        ["relay-address", None, None, "the local address that relayed ports are opened at"],
        ["port-range", None, None, "LOW-HIGH, the relayed ports (the system chooses)"],
        ["allocations", None, None, f"most allocations ({_default('allocations')})"],
        [
            "allocations-of-user",
            None,
            None,
            f"most allocations of one user ({_default('allocations_of_user')})",
        ],
        [
            "permissions",
            None,
            None,
            f"most permissions of one allocation ({_default('permissions')})",
        ],
        ["channels", None, None, f"most channels of one allocation ({_default('channels')})"],
        [
            "maximum-lifetime",
            None,
            None,
            f"seconds, an allocation's without refresh ({_default('maximum_lifetime')})",
        ],
    ]

    def __init__(self) -> None:
        super().__init__()
        self.secrets: list[bytes] = []
        self.allow_peer: list[str] = []
        self.settings = RelaySettings(secrets=(b"none yet",))

    def opt_secret_file(self, path: str) -> None:
        """a file with the secret shared with the lobby; repeatable, for changing it"""
        self.secrets.append(readSecret("--secret-file", path))

    def opt_allow_peer(self, network: str) -> None:
        """a private network that peers may be in, such as 127.0.0.0/8; repeatable"""
        self.allow_peer.append(network)

    def postOptions(self) -> None:
        """
        Make the settings; called by Twisted once everything is parsed.

        @raise UsageError: A value cannot work, alone or with the others.
        """
        super().postOptions()
        if not self.secrets:
            raise UsageError("--secret-file is needed: without a secret nobody can be let in")
        interface, port = readAddress("--udp", self["udp"])
        try:
            self.settings = RelaySettings(
                secrets=tuple(self.secrets),
                realm=self["realm"],
                interface=interface,
                port=port,
                relay_address=self["relay-address"],
                port_range=self.given(_readPortRange, "port-range", None),
                allow_peer=tuple(self.allow_peer),
                limits=self._limits(),
            )
        except BadSetting as error:
            raise self.refusal(error) from None

    def _limits(self) -> AllocationLimits:
        usual = AllocationLimits()
        maximum = self.given(readCount, "maximum-lifetime", usual.maximum_lifetime)
        return AllocationLimits(
            allocations=self.given(readCount, "allocations", usual.allocations),
            allocations_of_user=self.given(
                readCount, "allocations-of-user", usual.allocations_of_user
            ),
            permissions=self.given(readCount, "permissions", usual.permissions),
            channels=self.given(readCount, "channels", usual.channels),
            default_lifetime=min(usual.default_lifetime, maximum),
            maximum_lifetime=maximum,
        )


def makeService(options: Options) -> IService:
    """
    Make the relay that the command line asks for; called by twistd.

    @param options: The parsed command line.
    """
    from twisted.internet import reactor

    # Becoming a machine puts the reactor on monotonic time, before anything is scheduled.
    machine = asMachine(reactor)
    relay = relayService(machine, options.settings)
    return OperatedService(_TITLE, machine, relay, options.status_endpoint, options.ready_file)
