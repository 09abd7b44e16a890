"""Who sends a request: the checks of RFC 8489, section 9.2.4."""

from __future__ import annotations

from gamenet.relay.authentication import Refusal, Sender
from gamenet.wire.password_algorithms import SHA256
from gamenet.wire.stun import Integrity, MessageClass, StunMessage, decode, encode
from gamenet.wire.stun_attributes import (
    MESSAGE_INTEGRITY,
    NONCE,
    REALM,
    USERHASH,
    USERNAME,
)
from tests.authenticator_case import (
    ALGORITHMS,
    CLIENT,
    NOW,
    OLD_SECRET,
    REALM_TEXT,
    SECRET,
    AuthenticatorCase,
    nameOf,
)
from tests.long_term_client import (
    TRANSACTION_ID,
    LongTermClient,
    countHmacs,
    ephemeralClient,
)

_ANNA = LongTermClient("anna", "correct horse")


class ProofTests(AuthenticatorCase):
    """RFC 8489, section 9.2.4: requests that are good."""

    def test_everyWay(self) -> None:
        """
        "Credentials": ephemeral and static, every algorithm, either signature; the
        answer is signed with MESSAGE-INTEGRITY-SHA256 for whoever names an algorithm.
        """
        for algorithm in ALGORITHMS:
            answered = Integrity.SHA1 if algorithm is None else Integrity.SHA256
            for client, user in (
                (ephemeralClient(SECRET, nameOf("alice"), algorithm), "alice"),
                (ephemeralClient(OLD_SECRET, nameOf("bob"), algorithm), "bob"),
                (LongTermClient("anna", "correct horse", algorithm=algorithm), "anna"),
                (LongTermClient("anna", "correct horse", REALM_TEXT, algorithm, True), "anna"),
            ):
                for integrity in Integrity:
                    sender = self.proven(client.ask(self.rich, integrity))
                    self.assertEqual(sender.user, user)
                    self.assertEqual(sender.credential.username, client.username)
                    self.assertEqual(sender.key, client.key)
                    self.assertIs(sender.integrity, answered)

    def test_plainChallenge(self) -> None:
        """A client of RFC 5389 answers either challenge (Chromium, coturn's clients)."""
        client = ephemeralClient(SECRET, nameOf("alice"))
        for challenge in (self.plain, self.rich):
            sender = self.proven(client.ask(challenge))
            self.assertEqual((sender.key, sender.integrity), (client.key, Integrity.SHA1))

    def test_plainNonce(self) -> None:
        """An algorithm may be named with a plain nonce, for who was offered it before."""
        client = ephemeralClient(SECRET, nameOf("alice"), SHA256)
        mixed = (*self.plain, *self.rich[2:])
        self.assertIs(self.proven(client.ask(mixed)).integrity, Integrity.SHA256)

    def test_hostileUsernames(self) -> None:
        """Hostile usernames are only names (coturn 8fa38032): proven where signed, else 401."""
        room = 508 - len(nameOf(""))
        for user in ("%s%n", "a\nb", "a\0b", "\u202e", "x" * room, "\U0001f3ae", "a:b:c", '"'):
            sender = self.proven(ephemeralClient(SECRET, nameOf(user)).ask(self.rich))
            self.assertEqual(sender.user, user)
            self.assertNotIn("\n", repr(sender))
            self.assertNotIn("\0", repr(sender))
            wrong = ephemeralClient(b"another", nameOf(user)).ask(self.rich)
            self.assertEqual(self.check(wrong), Refusal(401))

    def test_bothSignatures(self) -> None:
        """Where there are both, MESSAGE-INTEGRITY-SHA256 is what counts."""
        attributes = _ANNA.attributes(self.plain)
        for first, second, good in ((_ANNA.key, b"x", False), (b"x", _ANNA.key, True)):
            message = StunMessage(3, MessageClass.REQUEST, TRANSACTION_ID, attributes)
            once = encode(message, first, False)
            # The value of a MESSAGE-INTEGRITY that the second signature covers.
            inner = (*attributes, (MESSAGE_INTEGRITY, once[-20:]))
            message = StunMessage(3, MessageClass.REQUEST, TRANSACTION_ID, inner)
            request = decode(encode(message, second, True, Integrity.SHA256))
            self.assertIsNotNone(request.integrity)
            self.assertIsNotNone(request.integrity_sha256)
            self.assertIs(isinstance(self.check(request), Sender), good)

    def test_afterIntegrity(self) -> None:
        """Checklist "attributes after MESSAGE-INTEGRITY": none of them is acted on."""
        attributes = _ANNA.attributes(self.plain)
        for kind in (USERNAME, REALM, NONCE):
            kept = tuple(pair for pair in attributes if pair[0] != kind)
            moved = next(pair for pair in attributes if pair[0] == kind)
            message = StunMessage(3, MessageClass.REQUEST, TRANSACTION_ID, kept)
            data = encode(message, _ANNA.key, False)
            rest = StunMessage(3, MessageClass.REQUEST, TRANSACTION_ID, (moved,))
            body = data[20:] + encode(rest, None, False)[20:]
            request = decode(data[:2] + len(body).to_bytes(2, "big") + data[4:20] + body)
            self.assertEqual(self.check(request), Refusal(400))

    def test_duplicates(self) -> None:
        """Checklist "duplicate attributes": the first of each counts (coturn #2016)."""
        good = _ANNA.attributes(self.plain)
        bad = ((USERNAME, b"bert"), (REALM, b"other"), (NONCE, b"forged"))
        self.assertIsInstance(self.check(_ANNA.sign((*good, *bad))), Sender)
        for pair, code in zip(bad, (401, 401, 438), strict=True):
            refusal = self.check(_ANNA.sign((pair, *good)))
            assert isinstance(refusal, Refusal)
            self.assertEqual(refusal.code, code)
        for kind in (USERNAME, USERHASH):
            overlong = ((USERNAME, b"x" * 509), (kind, bytes(32)))
            self.assertEqual(self.check(_ANNA.sign((*overlong, *good))), Refusal(400))
        named = (*good, (USERHASH, bytes(32)))
        self.assertIsInstance(self.check(_ANNA.sign(named)), Sender)


class RefusalTests(AuthenticatorCase):
    """RFC 8489, section 9.2.4: what is refused, and how."""

    def test_sameRefusal(self) -> None:
        """
        Checklist "wrong password, unknown user (same reply/time)", "expired REST
        timestamp": one answer, after the same number of HMACs.
        """
        for algorithm in ALGORITHMS:
            requests = [
                ephemeralClient(secret, name, algorithm).ask(self.rich)
                for secret, name in (
                    (b"another secret", nameOf("alice")),
                    (SECRET, nameOf("alice", -1.0)),
                    (b"another secret", nameOf("alice", -1.0)),
                    (SECRET, "alice"),
                    (SECRET, "anna"),
                    (SECRET, ""),
                    (SECRET, "\u0661:alice"),
                    (SECRET, "9" * 400 + ":alice"),
                )
            ]
            for name in ("anna", "nobody"):
                client = LongTermClient(name, "wrong", algorithm=algorithm)
                requests.append(client.ask(self.rich))
            work = []
            for request in requests:
                refusals: list[object] = []
                hmacs = countHmacs(self, lambda r=request, a=refusals: a.append(self.check(r)))
                self.assertEqual(refusals, [Refusal(401)])
                work.append(hmacs)
            self.assertEqual(len(work[0]), 5)
            self.assertEqual(work, [work[0]] * len(requests))

    def test_sameRefusalByHash(self) -> None:
        """The same for USERHASH: a user's, an ephemeral name's, nobody's."""
        for name, password in (
            ("anna", "wrong"), ("nobody", "wrong"), (nameOf("alice"), "wrong"),
        ):
            client = LongTermClient(name, password, REALM_TEXT, SHA256, True)
            refusals: list[object] = []
            request = client.ask(self.rich)
            hmacs = countHmacs(self, lambda r=request, a=refusals: a.append(self.check(r)))
            self.assertEqual((refusals, hmacs), ([Refusal(401)], ["sha256"]))

    def test_challenge(self) -> None:
        """Without a signature: 401, whatever else is there, and no work."""
        for attributes in ((), _ANNA.attributes(self.rich)):
            message = StunMessage(3, MessageClass.REQUEST, TRANSACTION_ID, attributes)
            request = decode(encode(message))
            refusals: list[object] = []
            hmacs = countHmacs(self, lambda r=request, a=refusals: a.append(self.check(r)))
            self.assertEqual((refusals, hmacs), ([Refusal(401)], []))

    def test_missing(self) -> None:
        """Checklist "missing attributes": 400 without USERNAME or USERHASH, REALM or NONCE."""
        for by_hash in (False, True):
            client = LongTermClient("anna", "correct horse", by_hash=by_hash)
            whole = client.attributes(self.plain)
            self.assertIsInstance(self.check(client.sign(whole)), Sender)
            for missing in range(3):
                kept = whole[:missing] + whole[missing + 1 :]
                for integrity in Integrity:
                    request = client.sign(kept, integrity)
                    self.assertEqual(self.check(request), Refusal(400))

    def test_overlong(self) -> None:
        """RFC 8489, sections 14.3, 14.4, 14.9 and 14.10: what is too long is a bad request."""
        good = dict(_ANNA.attributes(self.plain))
        for kind, value, code in (
            (USERNAME, b"x" * 508, 401),
            (USERNAME, b"x" * 509, 400),
            (USERNAME, b"x" * 60_000, 400),
            (REALM, b"x" * 763, 401),
            (REALM, b"x" * 764, 400),
            (NONCE, b"x" * 763, 438),
            (NONCE, b"x" * 764, 400),
        ):
            attributes = tuple({**good, kind: value}.items())
            refusal = self.check(_ANNA.sign(attributes))
            assert isinstance(refusal, Refusal)
            self.assertEqual(refusal.code, code, (kind, len(value)))
        rest = ((REALM, good[REALM]), (NONCE, good[NONCE]))
        for size, code in ((0, 400), (31, 400), (32, 401), (33, 400)):
            request = _ANNA.sign(((USERHASH, bytes(size)), *rest))
            self.assertEqual(self.check(request), Refusal(code))

    def test_wrongRealm(self) -> None:
        """A request for another realm proves nothing, whichever realm it is signed for."""
        for client in (_ANNA, LongTermClient("anna", "correct horse", "other")):
            pairs = dict(client.attributes(self.plain))
            for realm in (b"other", b"", b"Gamenet", b"gamenet\0"):
                request = client.sign(tuple({**pairs, REALM: realm}.items()))
                self.assertEqual(self.check(request), Refusal(401))

    def test_staleNonce(self) -> None:
        """Checklist "stale/forged/other-source nonce": 438, signed for whoever is proven."""
        for algorithm in ALGORITHMS:
            client = ephemeralClient(SECRET, nameOf("alice"), algorithm)
            integrity = Integrity.SHA1 if algorithm is None else Integrity.SHA256
            forged = bytearray(self.rich[1][1])
            forged[12] ^= 1
            for nonce in (
                self.nonces.issue(CLIENT, NOW - 600.0),
                self.nonces.issue(CLIENT, NOW - 600.0, 1),
                self.nonces.issue(("198.51.100.8", 50000), NOW),
                self.nonces.issue(("198.51.100.7", 50001), NOW, 1),
                b"",
                b"forged",
                bytes(128),
                bytes(forged),
                self.rich[1][1][13:],
                b"obMatJos2AAAB" + self.plain[1][1],
            ):
                challenge = (self.rich[0], (NONCE, nonce), self.rich[2])
                refusal = self.check(client.ask(challenge))
                self.assertEqual(refusal, Refusal(438, client.key, integrity))

    def test_staleNonceOfNobody(self) -> None:
        """A wrong password beside a stale nonce is 401: the signature is looked at first."""
        stale = self.authenticator.challenge(CLIENT, NOW - 600.0, True)
        for client in (
            ephemeralClient(b"other", nameOf("alice"), SHA256),
            LongTermClient("anna", "wrong"),
        ):
            self.assertEqual(self.check(client.ask(stale)), Refusal(401))

    def test_notUtf8(self) -> None:
        """Hostile usernames: what is not UTF-8 is a name that nobody has."""
        attributes = ((USERNAME, b"\xff\xfe"), *_ANNA.attributes(self.plain)[1:])
        for client in (_ANNA, ephemeralClient(SECRET, "")):
            self.assertEqual(self.check(client.sign(attributes)), Refusal(401))
