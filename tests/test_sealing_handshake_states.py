"""
Every packet of a handshake in every state of either side.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from gamenet.interfaces import Address
from gamenet.sealing.known_peer import HandshakeFault
from gamenet.wire.handshake_packets import HandshakePacket, decodeHandshakePacket
from tests.sealing_scene import HandshakeCase, Process

STRANGER: Address = ("203.0.113.66", 6666)


class StateTests(HandshakeCase):
    """Every packet in every state of either side: a link, an answer, or a named refusal."""

    def states(self) -> dict[str, Callable[[], Process]]:
        """Return how player 1 gets into each state."""

        def asked() -> Process:
            back = self.returned()
            back.hello(2)
            return back

        def linked() -> Process:
            back = self.returned()
            self.comeBack(back, Process(2, 0, (1,)))
            return back

        def stopped() -> Process:
            back = asked()
            back.handshakes.stop(2)
            return back

        return {
            "never asked": lambda: Process(1, 1, (2,), own_generation=1),
            "hello not sent": self.returned,
            "asked": asked,
            "linked": linked,
            "given up": stopped,
        }

    def packets(self) -> dict[str, bytes]:
        """Return what player 2 may say: in player 1's handshake, and in its own."""
        back = self.returned()
        survivor = Process(2, 0, (1,))
        challenge = survivor.take(back.hello(2), back.address).packet
        welcome = survivor.take(back.take(challenge, survivor.address).packet, back.address).packet
        two = self.returned(2, 9)
        return {
            "hello": two.hello(1),
            "challenge": challenge,
            "proof": self.proof(two, Process(1, 1, (2,), own_generation=1), 0.2),
            "welcome": welcome,
        }

    def test_everyPair(self) -> None:
        """Which packet does what in which state."""
        unasked = HandshakeFault.UNASKED
        expected: dict[str, dict[str, object]] = {
            "never asked": {"challenge": unasked, "proof": "link", "welcome": unasked},
            "hello not sent": {"challenge": unasked, "proof": "link", "welcome": unasked},
            "asked": {"challenge": "answer", "proof": "link", "welcome": "link"},
            "linked": {"challenge": unasked, "proof": "link", "welcome": unasked},
            "given up": {"challenge": unasked, "proof": "link", "welcome": unasked},
        }
        for state, enter in self.states().items():
            for name, packet in self.packets().items():
                process = enter()
                wanted = expected[state].get(name, "answer")
                source = ("198.51.100.2", 5009 if name == "proof" else 5000)
                if isinstance(wanted, HandshakeFault):
                    self.assertRefused(process, packet, source, wanted, 0.2)
                    continue
                reply = process.take(packet, source, 0.2)
                self.assertEqual(reply.link is not None, wanted == "link", (state, name))
                self.assertEqual(bool(reply.packet), name != "welcome", (state, name))

    @settings(max_examples=150, deadline=None)
    @given(st.binary(max_size=200), st.integers(0, 3), st.integers(0, 186), st.integers(1, 255))
    def test_anyBytes(self, raw: bytes, which: int, place: int, flip: int) -> None:
        """Whatever comes, also a true packet with a wrong byte: the one family of refusals."""
        self.setUp()
        packets = list(self.packets().values())
        damaged = bytearray(packets[which])
        damaged[place % len(damaged)] ^= flip
        for data in (raw, b"\xc5" + raw, packets[which][:place] + raw, packets[which][:place]):
            if len(data) != len(packets[which]):
                back = self.states()["asked"]()
                self.assertRefused(back, data, STRANGER, HandshakeFault.MALFORMED)
        back = self.states()["asked"]()
        if which in (2, 3):
            self.assertRefused(back, bytes(damaged), ("198.51.100.2", 5009), now=0.2)

    def test_malformed(self) -> None:
        """What is no packet is counted as that."""
        packets: list[bytes] = [b"", b"\xc5", bytes(187), b"\xc4" + bytes(186)]
        for data in packets:
            self.assertRefused(self.two, data, STRANGER, HandshakeFault.MALFORMED)

    def test_typesOfReplies(self) -> None:
        """Each answer is the packet that follows in the handshake."""
        back = self.returned()
        kinds: list[type[HandshakePacket]] = []
        data, asked, other = back.hello(2), self.two, back
        while data:
            kinds.append(type(decodeHandshakePacket(data)))
            data = asked.take(data, other.address).packet
            asked, other = other, asked
        self.assertEqual(
            [kind.__name__ for kind in kinds], ["Hello", "Challenge", "Proof", "Welcome"]
        )
