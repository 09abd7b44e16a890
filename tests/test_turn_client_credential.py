"""How a client signs what it asks a relay, and what it believes (RFC 8489, section 9.2.5)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import MalformedMessage
from gamenet.turn_client.credential import ClientCredential, errorOf, isBelievable
from gamenet.wire.password_algorithms import (
    ANONYMITY_FEATURE,
    MD5,
    PASSWORD_ALGORITHMS_FEATURE,
    SHA256,
    PasswordAlgorithm,
    encodeNonceCookie,
    encodePasswordAlgorithm,
    encodePasswordAlgorithms,
)
from gamenet.wire.stun import (
    Integrity,
    MessageClass,
    StunMessage,
    decode,
    encode,
    verifyIntegrity,
)
from gamenet.wire.stun_attributes import (
    ERROR_CODE,
    NONCE,
    PASSWORD_ALGORITHM,
    PASSWORD_ALGORITHMS,
    REALM,
    USERHASH,
    USERNAME,
    encodeErrorCode,
)
from gamenet.wire.turn import REFRESH
from gamenet.wire.turn_credentials import longTermKey, userHash
from tests.relay_client_values import KEY, PASSWORD, REALM_TEXT, USER, Attributes

_REALM = (REALM, REALM_TEXT.encode())
_COOKIE = encodeNonceCookie(PASSWORD_ALGORITHMS_FEATURE)
_HIDING = encodeNonceCookie(PASSWORD_ALGORITHMS_FEATURE | ANONYMITY_FEATURE)
_OFFER = encodePasswordAlgorithms((SHA256, MD5))
_ID = bytes(range(12))


def _answer(
    attributes: Attributes,
    message_class: MessageClass = MessageClass.ERROR,
    key: bytes | None = None,
    integrity: Integrity = Integrity.SHA1,
) -> StunMessage:
    message = StunMessage(REFRESH, message_class, _ID, attributes)
    return decode(encode(message, key, integrity=integrity))


def _error(code: int, *extra: tuple[int, bytes]) -> Attributes:
    return ((ERROR_CODE, encodeErrorCode(code)), *extra)


class ChallengeTests(SynchronousTestCase):
    """How the next requests are signed."""

    def setUp(self) -> None:
        self.credential = ClientCredential(USER, PASSWORD)

    def challenge(self, *attributes: tuple[int, bytes]) -> StunMessage:
        """Challenge the client; return its next request."""
        self.credential.takeChallenge(_answer(_error(401, *attributes)))
        return decode(self.credential.sign(REFRESH, _ID, ((0x000D, bytes(4)),)))

    def test_before(self) -> None:
        """The first request carries nothing of ours."""
        first = decode(self.credential.sign(REFRESH, _ID, ((0x000D, bytes(4)),)))
        self.assertEqual(first.attributes, ((0x000D, bytes(4)),))
        self.assertIsNone(first.integrity)

    def test_classic(self) -> None:
        """A server of RFC 5389 gets USERNAME, REALM, NONCE and MESSAGE-INTEGRITY."""
        request = self.challenge(_REALM, (NONCE, b"n"))
        self.assertEqual(
            request.attributes[1:], ((USERNAME, USER.encode()), _REALM, (NONCE, b"n"))
        )
        self.assertTrue(verifyIntegrity(request, KEY))
        self.assertIsNone(request.integrity_sha256)

    def test_sha256(self) -> None:
        """One that offers SHA-256 gets the offer back, the choice, and the other signature."""
        request = self.challenge(
            _REALM, (NONCE, _COOKIE + b"n"), (PASSWORD_ALGORITHMS, _OFFER)
        )
        self.assertEqual(request.first(PASSWORD_ALGORITHMS), _OFFER)
        self.assertEqual(request.first(PASSWORD_ALGORITHM), encodePasswordAlgorithm(SHA256))
        self.assertEqual(request.first(USERNAME), USER.encode())
        key = longTermKey(USER, REALM_TEXT, PASSWORD, SHA256)
        self.assertTrue(verifyIntegrity(request, key, Integrity.SHA256))
        self.assertIsNone(request.integrity)

    def test_firstKnown(self) -> None:
        """The first algorithm that is known is taken, whichever stand before it."""
        odd = PasswordAlgorithm(7, b"abc")
        offer = encodePasswordAlgorithms((odd, MD5, SHA256))
        request = self.challenge(_REALM, (NONCE, _COOKIE), (PASSWORD_ALGORITHMS, offer))
        self.assertEqual(request.first(PASSWORD_ALGORITHM), encodePasswordAlgorithm(MD5))
        self.assertTrue(verifyIntegrity(request, KEY, Integrity.SHA256))

    def test_anonymous(self) -> None:
        """Where the nonce says so USERHASH stands for USERNAME, unless nobody wants that."""
        challenge = (_REALM, (NONCE, _HIDING), (PASSWORD_ALGORITHMS, _OFFER))
        request = self.challenge(*challenge)
        self.assertEqual(request.first(USERHASH), userHash(USER, REALM_TEXT))
        self.assertIsNone(request.first(USERNAME))
        self.credential.anonymous = False
        request = self.challenge(*challenge)
        self.assertEqual((request.first(USERHASH), request.first(USERNAME)), (None, b"user"))

    def test_unusable(self) -> None:
        """A challenge that lacks something or was tampered with is malformed; nothing changes."""
        self.challenge(_REALM, (NONCE, b"n"))
        before = self.credential.signing
        for challenge in (
            (_REALM,),
            (_REALM, (NONCE, b"")),
            ((REALM, b"\xff"), (NONCE, b"n")),
            ((REALM, b"r" * 764), (NONCE, b"n")),
            (_REALM, (NONCE, b"n" * 764)),
            (_REALM, (NONCE, _COOKIE)),
            (_REALM, (NONCE, _COOKIE), (PASSWORD_ALGORITHMS, b"")),
            (_REALM, (NONCE, _COOKIE), (PASSWORD_ALGORITHMS, b"\0\7\0\0")),
        ):
            with self.assertRaises(MalformedMessage):
                self.challenge(*challenge)
            self.assertIs(self.credential.signing, before)

    def test_noRealm(self) -> None:
        """The first challenge must tell the realm, a later one need not."""
        with self.assertRaises(MalformedMessage):
            self.challenge((NONCE, b"n"))
        self.challenge(_REALM, (NONCE, b"n"))
        self.assertEqual(self.challenge((NONCE, b"m")).first(REALM), _REALM[1])

    def test_longest(self) -> None:
        """The longest realm and nonce that RFC 8489 allows still fit."""
        request = self.challenge((REALM, b"r" * 763), (NONCE, b"n" * 763))
        self.assertEqual(request.first(NONCE), b"n" * 763)

    @given(st.binary(max_size=40), st.binary(max_size=40), st.none() | st.binary(max_size=20))
    @settings(deadline=None, max_examples=200)
    def test_arbitrary(self, realm: bytes, nonce: bytes, offer: bytes | None) -> None:
        """Any bytes are a challenge or malformed, and what is signed then can be read."""
        extra: Attributes = () if offer is None else ((PASSWORD_ALGORITHMS, offer),)
        credential = ClientCredential(USER, PASSWORD)
        challenge = _error(401, (REALM, realm), (NONCE, nonce), *extra)
        try:
            credential.takeChallenge(_answer(challenge))
        except MalformedMessage:
            return
        decode(credential.sign(REFRESH, _ID, ()))

    def test_secrets(self) -> None:
        """Neither password nor key is in what a log might show."""
        self.challenge(_REALM, (NONCE, b"n"))
        shown = repr(self.credential)
        self.assertNotIn(PASSWORD, shown)
        self.assertNotIn(repr(KEY), shown)


class BelieveTests(SynchronousTestCase):
    """Which answers count."""

    def signing(self, *challenge: tuple[int, bytes]) -> ClientCredential:
        """Return a client that was challenged."""
        credential = ClientCredential(USER, PASSWORD)
        credential.takeChallenge(_answer(_error(401, _REALM, *challenge)))
        return credential

    def test_unsigned(self) -> None:
        """Unsigned 401 and 438 count; unsigned 400, other refusals and successes do not."""
        signing = self.signing((NONCE, b"n")).signing
        believed = [
            code
            for code in (300, 400, 401, 403, 437, 438, 441, 486, 500, 508)
            if isBelievable(signing, _answer(_error(code)))
        ]
        self.assertEqual(believed, [401, 438])
        self.assertFalse(isBelievable(signing, _answer((), MessageClass.SUCCESS)))
        self.assertFalse(isBelievable(signing, _answer(())))
        self.assertFalse(isBelievable(signing, _answer(((ERROR_CODE, b""),))))

    def test_beforeSigning(self) -> None:
        """To an unsigned request everything counts."""
        for answer in (_answer(_error(300)), _answer((), MessageClass.SUCCESS), _answer(())):
            self.assertTrue(isBelievable(None, answer))

    def test_signature(self) -> None:
        """Signed answers count with our key alone, and with the hash that we signed with."""
        classic = self.signing((NONCE, b"n")).signing
        rich = self.signing((NONCE, _COOKIE), (PASSWORD_ALGORITHMS, _OFFER)).signing
        assert classic is not None and rich is not None
        for signing, integrity, other in (
            (classic, Integrity.SHA1, Integrity.SHA256),
            (rich, Integrity.SHA256, Integrity.SHA1),
        ):
            for attributes in (_error(437), _error(401), ()):
                good = _answer(attributes, key=signing.key, integrity=integrity)
                wrong_hash = _answer(attributes, key=signing.key, integrity=other)
                forged = _answer(attributes, key=b"forged", integrity=integrity)
                self.assertTrue(isBelievable(signing, good))
                self.assertFalse(isBelievable(signing, wrong_hash))
                self.assertFalse(isBelievable(signing, forged))

    def test_stripped(self) -> None:
        """An answer whose nonce tells of algorithms that it has not is ignored, unless 401."""
        signing = self.signing((NONCE, _COOKIE), (PASSWORD_ALGORITHMS, _OFFER)).signing
        assert signing is not None
        stripped = _answer(
            _error(486, (NONCE, _COOKIE)), key=signing.key, integrity=Integrity.SHA256
        )
        self.assertFalse(isBelievable(signing, stripped))
        self.assertFalse(isBelievable(None, _answer(_error(486, (NONCE, _COOKIE)))))
        self.assertTrue(isBelievable(None, _answer(_error(401, (NONCE, _COOKIE)))))

    def test_errors(self) -> None:
        """An error without a code that can be read is malformed."""
        self.assertEqual(errorOf(_answer(_error(437))).code, 437)
        for attributes in ((), ((ERROR_CODE, b"\0\0\0"),)):
            with self.assertRaises(MalformedMessage):
                errorOf(_answer(attributes))
