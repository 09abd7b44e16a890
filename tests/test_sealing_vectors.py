"""
Done when: test vectors in C{docs/vectors/} that the tests check.  They are checked here as a
client in another language would: with the RFCs and the wire protocol page, not with gamenet.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from twisted.trial.unittest import SynchronousTestCase

from tests.vectors.sealing import PATH, sealingVectors


def expand(key: bytes, info: bytes, size: int) -> bytes:
    """Return HKDF-Expand of RFC 5869, section 2.3."""
    output, block = b"", b""
    while len(output) < size:
        block = hmac.digest(key, block + info + bytes([len(output) // 32 + 1]), hashlib.sha256)
        output += block
    return output[:size]


class SealingVectorTests(SynchronousTestCase):
    """C{docs/vectors/sealing.json}, by hand."""

    def setUp(self) -> None:
        self.vectors: dict[str, Any] = json.loads(PATH.read_text("ascii"))
        self.match = bytes.fromhex(self.vectors["match_id"])

    def field(self, *path: str) -> bytes:
        """Return the bytes of a field."""
        value = self.vectors
        for name in path:
            value = value[name]
        return bytes.fromhex(value)  # type: ignore[arg-type]

    def test_areWhatWeDo(self) -> None:
        """The file is what gamenet computes now."""
        self.assertEqual(self.vectors, json.loads(json.dumps(sealingVectors())))

    def test_publicKeys(self) -> None:
        """Public keys follow from private ones (RFC 7748, RFC 8032)."""
        players = [self.vectors["returned_player_1"], *self.vectors["players"].values()]
        for player in players:
            private = {name: bytes.fromhex(value) for name, value in player.items()}
            link = X25519PrivateKey.from_private_bytes(private["link_private_key"])
            statement = Ed25519PrivateKey.from_private_bytes(private["statement_private_key"])
            self.assertEqual(link.public_key().public_bytes_raw(), private["link_key"])
            self.assertEqual(statement.public_key().public_bytes_raw(), private["statement_key"])

    def test_links(self) -> None:
        """Keys and ids of both directions and of three epochs, before and after the return."""
        for name, first in (
            ("link", self.vectors["players"]["1"]),
            ("link_after_return", self.vectors["returned_player_1"]),
        ):
            vector = self.vectors[name]
            keys = bytes.fromhex(first["link_key"]), self.field("players", "2", "link_key")
            private = X25519PrivateKey.from_private_bytes(bytes.fromhex(first["link_private_key"]))
            secret = private.exchange(X25519PublicKey.from_public_bytes(keys[1]))
            self.assertEqual(secret.hex(), vector["secret"])
            extracted = hmac.digest(self.match, secret, hashlib.sha256)
            generations = b"".join(n.to_bytes(2, "big") for n in vector["generations"])
            for direction, numbers in (("1_to_2", b"\x01\x02"), ("2_to_1", b"\x02\x01")):
                info = b"gamenet link\x01\x01" + keys[0] + b"\x02" + keys[1]
                derived = expand(extracted, info + generations + numbers, 72)
                key, link_id, chain = derived[:32], derived[32:40], derived[40:]
                self.assertEqual(link_id.hex(), vector[direction]["link_id"])
                self.assertEqual(chain.hex(), vector[direction]["first_chain_key"])
                for expected in vector[direction]["keys_of_epochs"]:
                    self.assertEqual(key.hex(), expected)
                    following = expand(chain, b"gamenet epoch", 64)
                    key, chain = following[:32], following[32:]

    def test_datagrams(self) -> None:
        """Each datagram opens under the key of its epoch; the header says which it is."""
        for vector in self.vectors["datagrams"]:
            direction = "1_to_2" if vector["sender"] == 1 else "2_to_1"
            link = self.vectors["link"][direction]
            datagram = bytes.fromhex(vector["datagram"])
            self.assertEqual(datagram[0], 0xC6 if vector["epoch"] % 2 else 0xC4)
            self.assertEqual(datagram[1:9].hex(), link["link_id"])
            self.assertEqual(int.from_bytes(datagram[9:17], "big"), vector["counter"])
            cipher = ChaCha20Poly1305(bytes.fromhex(link["keys_of_epochs"][vector["epoch"]]))
            packet = cipher.decrypt(bytes(4) + datagram[9:17], datagram[17:], datagram[:17])
            self.assertEqual(packet.hex(), vector["packet"])
        epochs = [vector["epoch"] for vector in self.vectors["datagrams"]]
        self.assertEqual(epochs, [0, 0, 1, 1, 2, 2])

    def test_handshake(self) -> None:
        """Each packet has its layout, and both signatures are of what they should be of."""
        hello, challenge, proof, welcome = (
            self.field("handshake", name) for name in ("hello", "challenge", "proof", "welcome")
        )
        claim = (
            self.field("returned_player_1", "link_key")
            + bytes(range(0xD0, 0xE0))
            + b"\0\0"
            + self.field("players", "2", "link_key")
        )
        there, back = self.match + b"\x01\x02", self.match + b"\x02\x01"
        self.assertEqual(hello, b"\xc5\0\x01" + there + claim + bytes(84))
        self.assertEqual(challenge[:37], b"\xc5\x01\x01" + back + claim[32:48])
        cookie = challenge[37:53]
        self.assertEqual(challenge[53:], b"\0\0\0" + bytes(131))
        self.assertEqual(proof[:-64], b"\xc5\x02\x01" + there + claim + cookie + b"\0\0\0\x01")
        statement = b"gamenet handshake proof\0\x01" + there + proof[21:-64]
        self.assertEqual(statement, self.field("handshake", "proof_statement"))
        self.key("1").verify(proof[-64:], statement)
        own = self.field("players", "2", "link_key") + b"\0\0"
        self.assertEqual(welcome[:-64], b"\xc5\x03\x01" + back + claim[32:48] + own + b"\0\x01")
        statement = b"gamenet handshake welcome\0\x01" + there + claim[:48] + b"\0\x01" + own
        self.assertEqual(statement, self.field("handshake", "welcome_statement"))
        self.key("2").verify(welcome[-64:], statement)

    def key(self, player: str) -> Ed25519PublicKey:
        """Return a player's public statement key."""
        return Ed25519PublicKey.from_public_bytes(self.field("players", player, "statement_key"))
