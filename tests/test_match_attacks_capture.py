"""
A captured match: whoever stands between the players can change, cut, move and repeat what
it likes, and reads nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from hashlib import blake2b
from itertools import pairwise
from typing import TypeAlias

from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.sealing.sealed_link import SealedLink, linkIdOf
from gamenet.wire.log_commands import Say
from gamenet.wire.peer_packets import Inputs
from gamenet.world.datagram_socket import WorldDatagramSocket
from tests.many_players import ManyPlayers, MeshSeat
from tests.match_attacks import Eavesdropper, Victim, fingerprint, runsIn, runsOf, victimOf
from tests.mesh_world import MeshWorld

PACKETS = 500
FRAMES = 55
PLAYERS = 3
INPUT_BYTES = 20
CHAT_INTERVAL = 10


def press(player: int, frame: int) -> bytes:
    """Return an input that says nothing twice."""
    return blake2b(bytes([player]) + frame.to_bytes(4, "big"), digest_size=INPUT_BYTES).digest()


def said(player: int, frame: int) -> str:
    """Return what a player says."""
    return f"player {player}: {press(player, 1000 + frame).hex()}"


def changes(before: bytes, after: bytes) -> bytes:
    """Return which bits of an input are others than in the one before."""
    return bytes(one ^ two for one, two in zip(before, after, strict=True))


#: What is done before a datagram arrives: for whom it is, its bytes, where it came from.
Attack: TypeAlias = "Callable[[Capture, Victim, bytes, Address], None]"


class Capture:
    """
    A match of three under an attacker's eyes, the same each time but for the attack.

    @ivar eavesdropper: The attacker.
    """

    def __init__(self, attack: Attack | None, packets: int = PACKETS) -> None:
        self.mesh = mesh = ManyPlayers(PLAYERS, 5, frames=FRAMES)
        for seat in mesh.seats.values():
            seat.protocol.localInput = press  # type: ignore[method-assign]
            self.talk(seat)
        self.fed = 0
        self.refused = 0
        mesh.play()
        self.victims = [victimOf(seat) for seat in mesh.seats.values()]
        self.eavesdropper = Eavesdropper(self.victims, packets)
        if attack is not None:
            self.eavesdropper.attack = lambda victim, data, address: attack(
                self, victim, data, address
            )
        mesh.toTheEnd()

    def talk(self, seat: MeshSeat) -> None:
        """Have a player say something every few frames."""
        confirmed = seat.protocol.frameConfirmed

        def frameConfirmed(frame: int, inputs: Sequence[bytes], checksum: object) -> None:
            confirmed(frame, inputs, checksum)
            if frame % CHAT_INTERVAL == 0 and seat.match is not None:
                answer = seat.match.shared.submit(Say(said(seat.player, frame)))
                answer.addErrback(lambda failure: None)

        seat.protocol.frameConfirmed = frameConfirmed  # type: ignore[method-assign]

    def feed(self, victim: Victim, data: bytes, address: Address) -> None:
        """Hand something to a victim's socket."""
        self.fed += 1
        victim.receive(data, address)

    def outcome(self) -> list[object]:
        """Return all that came of it: results, every confirmed frame, all that was sent."""
        told: list[object] = [self.mesh.network.traceHash()]
        for seat in self.mesh.seats.values():
            assert seat.failure is None and seat.result is not None, seat.failure
            result = seat.result
            told += [result.outcome, result.last_frame, result.checksum]
            assert seat.match is not None
            state = seat.match.shared.state
            assert state is not None
            told += [state.sequence, state.digest()]
            told += [sorted(seat.protocol.frames.items()), seat.protocol.happened, seat.game.state]
        return told

    def state(self) -> list[object]:
        """Return all that the players hold, down to the last attribute."""
        return fingerprint(*[root for victim in self.victims for root in victim.roots()])


@cache
def calm() -> tuple[list[object], list[object]]:
    """Return what comes of the match, and what the players hold then, without an attacker."""
    capture = Capture(None)
    return capture.outcome(), capture.state()


class CaptureTests(SynchronousTestCase):
    """
    "Of a captured 500-packet match every single-bit flip, every truncation, every packet
    moved to another link or direction changes nothing, exhaustively."

    Each is given to the real socket of a match that is on, before the datagram that it was
    made of, so that no counter was seen before; and the whole match, to the last datagram
    that anybody sends, must be what it is without an attacker.
    """

    def attacked(self, attack: Attack) -> Capture:
        """Play under attack, and compare."""

        def watched(capture: Capture, victim: Victim, data: bytes, address: Address) -> None:
            before = [each.windows() for each in capture.victims]
            refused = sum(each.refused for each in capture.victims)
            fed = capture.fed
            attack(capture, victim, data, address)
            dropped = sum(each.refused for each in capture.victims) - refused
            self.assertEqual(dropped, capture.fed - fed, "dropped without a name")
            self.assertEqual([each.windows() for each in capture.victims], before)
            capture.refused += dropped

        capture = Capture(watched)
        self.assertTrue(capture.eavesdropper.full)
        self.assertEqual(capture.refused, capture.fed)
        outcome, state = calm()
        self.assertTrue(capture.outcome() == outcome, "it came to something else")
        self.assertTrue(capture.state() == state, "the players hold something else")
        return capture

    def test_flips(self) -> None:
        """Every single bit of all 500."""

        def flip(capture: Capture, victim: Victim, data: bytes, address: Address) -> None:
            size = len(data)
            whole = int.from_bytes(data, "big")
            for bit in range(8 * size):
                capture.feed(victim, (whole ^ 1 << bit).to_bytes(size, "big"), address)

        capture = self.attacked(flip)
        self.assertGreater(capture.fed, PACKETS * 8 * 42)

    def test_truncations(self) -> None:
        """Every length of all 500, cut at either end, and some bytes too many."""

        def cut(capture: Capture, victim: Victim, data: bytes, address: Address) -> None:
            for length in range(len(data)):
                capture.feed(victim, data[:length], address)
                capture.feed(victim, data[len(data) - length :], address)
            for more in (b"\0", data[-1:], data):
                capture.feed(victim, data + more, address)

        capture = self.attacked(cut)
        self.assertGreater(capture.fed, PACKETS * 2 * 42)

    def test_moved(self) -> None:
        """
        All 500 given to everybody else, the one who sent it too; under the id of every
        other link of the receiver's and of the others', from its address and another's.
        """

        def move(capture: Capture, victim: Victim, data: bytes, address: Address) -> None:
            for other in capture.victims:
                for link in other.links:
                    own = link.incoming_id == linkIdOf(data)
                    if not own:
                        moved = data[:1] + link.incoming_id + data[9:]
                        for where in capture.victims:
                            capture.feed(where, moved, address)
                            capture.feed(where, moved, ("203.0.113.99", 6666))
                if other is not victim:
                    capture.feed(other, data, address)
                    capture.feed(other, data, victim.sockets.demultiplexer.address)

        capture = self.attacked(move)
        self.assertGreater(capture.fed, PACKETS * 30)

    def test_replayed(self) -> None:
        """Everything that came before, once more before each of the 500."""

        def replay(capture: Capture, victim: Victim, data: bytes, address: Address) -> None:
            for earlier, datagram, source in capture.eavesdropper.captured[:-1]:
                capture.feed(earlier, datagram, source)

        capture = self.attacked(replay)
        self.assertEqual(capture.fed, PACKETS * (PACKETS - 1) // 2)

    def test_otherwise(self) -> None:
        """The comparison sees what is changed: one packet more that a player has sealed."""

        def forge(capture: Capture, victim: Victim, data: bytes, address: Address) -> None:
            if len(capture.eavesdropper.captured) == 250:
                (link,) = [
                    link
                    for other in capture.victims
                    for link in other.links
                    if link._sealed.outgoing_id == linkIdOf(data)
                ]
                victim.receive(link._sealed.seal(bytes(9)), address)

        capture = Capture(forge)
        self.assertFalse(capture.outcome() == calm()[0])
        self.assertFalse(capture.state() == calm()[1])


class ReadTests(SynchronousTestCase):
    """"No run of 8 bytes of input or chat appears on the wire"."""

    def test_nothing(self) -> None:
        """
        Not in any of the datagrams; nor any run of what was made of inputs before they were
        sealed: each input, or what changed since the one before.
        """
        secrets: list[bytes] = []
        for player in range(1, PLAYERS + 1):
            inputs = [press(player, frame) for frame in range(FRAMES)]
            secrets += inputs + [changes(*pair) for pair in pairwise(inputs)]
        chat = [
            said(player, frame).encode()
            for player in range(1, PLAYERS + 1)
            for frame in range(0, FRAMES, CHAT_INTERVAL)
        ]
        runs = runsOf(*secrets, *chat)
        plain: list[bytes] = []
        seal = SealedLink.seal

        def observed(link: SealedLink, packet: bytes) -> bytes:
            plain.append(packet)
            return seal(link, packet)

        self.patch(SealedLink, "seal", observed)
        captured = Capture(None, 10 * PACKETS).eavesdropper.captured
        self.assertGreater(len(captured), PACKETS)
        self.assertEqual(sum(runsIn(data, runs) for _, data, _ in captured), 0)
        sealed = b"\xff".join(plain)
        self.assertEqual(sum(text in sealed for text in chat), len(chat))
        shown = [secret for secret in secrets if secret in sealed]
        self.assertGreater(len(shown), len(secrets) // 3)

    def test_relayed(self) -> None:
        """Not through the relay either, of packets, messages and transfers."""
        world = MeshWorld(5, 3, relay_only=True)
        world.meet()
        world.network.runUntil(world.connected, 10.0)
        wire: list[bytes] = []
        send = WorldDatagramSocket.send

        def observed(
            socket: WorldDatagramSocket, data: bytes, address: Address, ttl: int | None = None
        ) -> bool:
            wire.append(data)
            return send(socket, data, address, ttl)

        self.patch(WorldDatagramSocket, "send", observed)
        secrets = [press(1, number) + press(2, number) for number in range(60)]
        one = world.players[1]
        for number, secret in enumerate(secrets):
            for player in (2, 3):
                one.mesh.send(player, Inputs(secret))
                one.mesh.sendMessage(player, number % 3, secret)
            world.network.advance(0.02)
        world.network.advance(1.0)
        for player in (2, 3):
            came = world.players[player]
            self.assertEqual([len(came.received), len(came.messages)], [60, 60])
        runs = runsOf(*secrets)
        self.assertGreater(len(wire), 4 * len(secrets))
        self.assertEqual(sum(runsIn(data, runs) for data in wire), 0)
        world.close()
