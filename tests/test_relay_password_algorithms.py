"""Who sends a request: password algorithms, and credentials that a match outlives."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gamenet.errors import BadSetting
from gamenet.relay.authentication import Refusal, Sender
from gamenet.wire.password_algorithms import SHA256
from gamenet.wire.stun import Integrity, MessageClass, StunMessage, decode, encode
from gamenet.wire.stun_attributes import NONCE, PASSWORD_ALGORITHMS, REALM
from gamenet.wire.turn_credentials import longTermKey
from tests.authenticator_case import (
    ALGORITHMS,
    CLIENT,
    NOW,
    REALM_TEXT,
    SECRET,
    WALL,
    AuthenticatorCase,
    nameOf,
)
from tests.long_term_client import (
    TRANSACTION_ID,
    Attributes,
    LongTermClient,
    ephemeralClient,
)


class BidDownTests(AuthenticatorCase):
    """RFC 8489, sections 9.2.1 and 9.2.4: the offer is echoed, or the request is refused."""

    def test_offer(self) -> None:
        """PASSWORD-ALGORITHMS are SHA-256 and MD5, and the nonce says that they are offered."""
        self.assertEqual([kind for kind, _ in self.rich], [REALM, NONCE, PASSWORD_ALGORITHMS])
        self.assertEqual(self.rich[0][1], b"gamenet")
        self.assertEqual(self.rich[1][1][:13], b"obMatJos2AAAB")
        self.assertEqual(self.rich[2][1].hex(), "0002000000010000")
        self.assertEqual([kind for kind, _ in self.plain], [REALM, NONCE])
        self.assertEqual(len(self.plain[1][1]), 20)

    def test_anonymity(self) -> None:
        """USERHASH is asked for where there are users and no secrets, also after a reload."""
        self.authenticator.reload((), (("anna", "correct horse"),))
        rich = self.authenticator.challenge(CLIENT, NOW, True)
        self.assertEqual(rich[1][1][:13], b"obMatJos2AAAD")
        self.assertEqual(len(self.authenticator.challenge(CLIENT, NOW, False)[1][1]), 20)
        client = LongTermClient("anna", "correct horse", REALM_TEXT, SHA256, True)
        # A nonce of before says what was offered before, and is as good.
        for challenge in (rich, self.rich):
            self.assertIsInstance(self.check(client.ask(challenge)), Sender)

    def test_size(self) -> None:
        """A rich challenge is 28 bytes longer on the wire than a plain one."""
        sizes = []
        for challenge in (self.rich, self.plain):
            message = StunMessage(3, MessageClass.ERROR, TRANSACTION_ID, challenge)
            sizes.append(len(encode(message)))
        self.assertEqual(sizes[0] - sizes[1], 28)

    def test_anotherOffer(self) -> None:
        """400 where the echo is not what was offered, or one of the two is not there."""
        client = ephemeralClient(SECRET, nameOf("alice"), SHA256)
        offer = self.rich[2][1]
        for value in (b"", offer[:4], offer[4:], offer[4:] + offer[:4], offer + b"\0\1\0\0",
                      offer + bytes(4), b"\0\2\0\1"):
            changed: Attributes = (*self.rich[:2], (PASSWORD_ALGORITHMS, value))
            for integrity in Integrity:
                self.assertEqual(self.check(client.ask(changed, integrity)), Refusal(400))
        whole = client.attributes(self.rich)
        self.assertIsInstance(self.check(client.sign(whole)), Sender)
        for missing in (3, 4):
            kept = whole[:missing] + whole[missing + 1 :]
            self.assertEqual(self.check(client.sign(kept)), Refusal(400))

    def test_anotherAlgorithm(self) -> None:
        """400 where the algorithm was not offered, or is none."""
        client = ephemeralClient(SECRET, nameOf("alice"), SHA256)
        whole = client.attributes(self.rich)
        for value in ("", "0002", "00030000", "00000000", "00020001ff000000", "0002000000010000",
                      "00020004"):
            changed = (*whole[:4], (whole[4][0], bytes.fromhex(value)))
            self.assertEqual(self.check(client.sign(changed)), Refusal(400))

    def test_neither(self) -> None:
        """Who names neither is taken for MD5, with the rich nonce too."""
        client = ephemeralClient(SECRET, nameOf("alice"))
        sender = self.proven(client.ask(self.rich))
        self.assertEqual(sender.key, client.key)
        self.assertEqual(len(sender.key), 16)

    def test_featuresCannotBeTaken(self) -> None:
        """A nonce whose cookie somebody changed on the way is none."""
        client = ephemeralClient(SECRET, nameOf("alice"))
        nonce = self.rich[1][1]
        for changed in (nonce.replace(b"AAAB", b"AAAA"), nonce.replace(b"AAAB", b"AAAC"),
                        nonce[13:]):
            refusal = self.check(client.ask((self.rich[0], (NONCE, changed))))
            self.assertEqual(refusal, Refusal(438, client.key))


class OutlivingTests(AuthenticatorCase):
    """"matches outlive credentials"."""

    def test_afterExpiry(self) -> None:
        """Checklist "REST refresh after expiry": good with the allocation, 401 without."""
        late = WALL + 86_400.0
        for algorithm in ALGORITHMS:
            client = ephemeralClient(SECRET, nameOf("alice", 60.0), algorithm)
            sender = self.proven(client.ask(self.rich))
            request = client.ask(self.rich)
            self.assertEqual(self.check(request, wall_now=late), Refusal(401))
            self.assertEqual(self.check(request, sender.credential, wall_now=late), sender)

    def test_afterRotation(self) -> None:
        """
        Secrets and users are gone after a reload; the allocation's own credential
        is good still, with either signature and either algorithm.
        """
        for name, password in ((nameOf("alice"), None), ("anna", "correct horse")):
            self.setUp()
            clients = [
                LongTermClient(name, password, algorithm=algorithm)
                if password
                else ephemeralClient(SECRET, name, algorithm)
                for algorithm in ALGORITHMS
            ]
            known = self.proven(clients[0].ask(self.rich)).credential
            self.authenticator.reload((b"a new secret",), (("bert", "battery staple"),))
            for client in clients:
                for integrity in Integrity:
                    request = client.ask(self.rich, integrity)
                    self.assertEqual(self.check(request), Refusal(401))
                    sender = self.check(request, known)
                    assert isinstance(sender, Sender)
                    self.assertIs(sender.credential, known)
                    self.assertEqual(sender.key, client.key)

    def test_knownIsNoPass(self) -> None:
        """Others, and the owner with a wrong password or a stale nonce, are refused still."""
        client = ephemeralClient(SECRET, nameOf("alice", 60.0))
        known = self.proven(client.ask(self.rich)).credential
        late = WALL + 86_400.0
        wrong = ephemeralClient(b"other", nameOf("alice", 60.0)).ask(self.rich)
        self.assertEqual(self.check(wrong, known, wall_now=late), Refusal(401))
        other = ephemeralClient(SECRET, nameOf("bob", 60.0)).ask(self.rich)
        self.assertEqual(self.check(other, known, wall_now=late), Refusal(401))
        mine = client.ask(self.rich)
        refusal = self.check(mine, known, NOW + 600.0, late)
        self.assertEqual(refusal, Refusal(438, client.key))
        elsewhere = LongTermClient(client.username, client.password, "other").ask(self.rich)
        self.assertEqual(self.check(elsewhere, known), Refusal(401))

    def test_badReload(self) -> None:
        """A reload that cannot be leaves everything as it was."""
        request = ephemeralClient(SECRET, nameOf("alice")).ask(self.rich)
        for secrets, users in (((), ()), ((b"",), ()), ((), (("anna", "\0"),))):
            self.assertRaises(BadSetting, self.authenticator.reload, secrets, users)
            self.assertIsInstance(self.check(request), Sender)
        self.authenticator.reload((b"a new secret",))
        self.assertEqual(self.check(request), Refusal(401))
        self.assertEqual(self.authenticator.realm, REALM_TEXT)


class ShownTests(AuthenticatorCase):
    """"structured logs without credentials"."""

    def test_nothingIsShown(self) -> None:
        """"no credential in any repr": neither keys nor secrets nor passwords."""
        sender = self.proven(ephemeralClient(SECRET, nameOf("alice"), SHA256).ask(self.rich))
        for shown in (sender, self.authenticator, Refusal(438, sender.key)):
            for word in ("key", "secret", "correct horse", "b'"):
                self.assertNotIn(word, repr(shown))

    @given(
        st.lists(
            st.tuples(
                st.sampled_from([0x06, 0x14, 0x15, 0x1D, 0x1E, 0x8002, 0x7FFF]),
                st.binary(max_size=40),
            ),
            max_size=8,
        ).map(tuple),
        st.sampled_from([*Integrity, None]),
    )
    @settings(deadline=None, max_examples=200)
    def test_arbitraryRequests(
        self, attributes: Attributes, integrity: Integrity | None
    ) -> None:
        """"Bad input": whatever stands in a request, it is refused with 400 or 401."""
        self.setUp()
        key = None if integrity is None else longTermKey("anna", REALM_TEXT, "wrong")
        message = StunMessage(3, MessageClass.REQUEST, TRANSACTION_ID, attributes)
        request = decode(encode(message, key, True, integrity or Integrity.SHA1))
        self.assertIn(self.check(request), (Refusal(400), Refusal(401)))
