"""What an attacker tried once, and must not achieve again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from gamenet import lobby_tap, relay_tap
from gamenet.lobby.datagrams import LobbyDatagrams
from gamenet.operation.operator_options import readCount
from gamenet.relay.protocol import RelayServer
from gamenet.traversal.punch import Punch, PunchRole, SendProbes
from gamenet.wire.lobby_messages import SessionClosed, decodeAnswer
from gamenet.wire.stun import BINDING, MessageClass, StunMessage, encode
from gamenet.wire.stun_attributes import NONCE, REALM, STALE_NONCE, USERNAME
from gamenet.wire.turn import ALLOCATE, REQUESTED_TRANSPORT, encodeTransport
from gamenet.wire.turn_credentials import ephemeralPassword, ephemeralUsername, longTermKey
from gamenet.world.link import PERFECT
from gamenet.world.network import WorldNetwork
from tests.scenes import LOBBY_HOST, RELAY_HOST, RELAY_PORT, SECRET, Servers


class ReflectionTests(SynchronousTestCase):
    """H11: nobody can be made to flood somebody else."""

    def setUp(self) -> None:
        """A lobby, a relay, and a stranger who sends what it likes."""
        self.network = WorldNetwork(1)
        self.servers = Servers(self.network, PERFECT)
        self.answers: list[bytes] = []
        machine = self.network.machine("victim", "203.0.113.66")
        self.socket = machine.openDatagramSocket(lambda data, _: self.answers.append(data))

    def test_rotatingCandidates(self) -> None:
        """A player whose candidates change for ever is probed at 24 addresses, not at thousands."""
        punch = Punch(PunchRole.OPENER)
        probed: dict[tuple[str, int], None] = {}
        for round_number in range(500):
            now = round_number * 0.1
            targets = tuple(("198.51.100.1", 1024 + 8 * round_number + n) for n in range(8))
            punch.begin(targets, now)
            for effect in punch.tick(now, round_number.to_bytes(16, "big")):
                if isinstance(effect, SendProbes):
                    probed.update(dict.fromkeys(effect.targets))
        self.assertLessEqual(len(probed), 24)
        self.assertGreaterEqual(len(probed), 8)

    def test_copiedRequestWithAStaleNonce(self) -> None:
        """A rightly signed request, copied a thousand times, gets a hundred answers at most."""
        username = ephemeralUsername(2_000_000_000, "somebody")
        key = longTermKey(username, "gamenet", ephemeralPassword(SECRET, username))
        request = encode(
            StunMessage(
                ALLOCATE,
                MessageClass.REQUEST,
                bytes(12),
                (
                    (REQUESTED_TRANSPORT, encodeTransport()),
                    (USERNAME, username.encode()),
                    (REALM, b"gamenet"),
                    (NONCE, b"made up"),
                ),
            ),
            key,
        )
        for _ in range(1000):
            self.socket.send(request, (RELAY_HOST, RELAY_PORT))
        self.network.advance(1.0)
        relay: RelayServer = self.servers.relay
        self.assertEqual(relay.counters.refused[STALE_NONCE], len(self.answers))
        self.assertLessEqual(len(self.answers), 121)
        self.assertGreaterEqual(len(self.answers), 100)

    def test_unknownAttributeAtTheLobby(self) -> None:
        """The lobby's refusal of a Binding with an unknown attribute is at most twice its size."""
        self.assertIsInstance(self.servers.datagrams, LobbyDatagrams)
        request = encode(
            StunMessage(BINDING, MessageClass.REQUEST, bytes(12), ((0x7FFF, b""),)),
            fingerprint=False,
        )
        self.socket.send(request, (LOBBY_HOST, 7770))
        self.network.advance(1.0)
        self.assertEqual(len(self.answers), 1)
        self.assertLessEqual(len(self.answers[0]), 2 * len(request))


class CostTests(SynchronousTestCase):
    """One client's request costs the lobby one encoding, however many are told."""

    def test_encodedOnce(self) -> None:
        """The same message for the next recipient is the same bytes; another one is not."""
        factory = Servers(WorldNetwork(1), PERFECT).factory
        one, two = (SessionClosed("0" * 16, reason) for reason in ("one", "two"))
        first = factory.framed(one)
        self.assertIs(factory.framed(one), first)
        self.assertEqual(decodeAnswer(factory.framed(two)[4:]), two)
        self.assertEqual(factory.framed(one), first)


class OptionTests(SynchronousTestCase):
    """Command lines with bad options say what is wrong."""

    def test_absurdNumbers(self) -> None:
        """Numbers of thousands of digits are refused like any other that will not do."""
        many = "9" * 5000
        self.assertRaises(UsageError, readCount, "--x", many)
        self.assertRaises(UsageError, readCount, "--x", "0000000000199999999999999")
        for taps, line in (
            (lobby_tap, ["--udp", many]),
            (lobby_tap, ["--udp", f"127.0.0.1:{many}"]),
            (lobby_tap, ["--ready-file", "x" * 300]),
            (relay_tap, ["--port-range", f"{many}-5", "--secret-file", self._secret()]),
        ):
            options: Any = taps.Options()
            self.assertRaises(UsageError, options.parseOptions, line)

    def _secret(self) -> str:
        path = Path(self.mktemp())
        path.write_text("a secret of tests")
        path.chmod(0o600)
        return str(path)
