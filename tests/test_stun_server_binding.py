"""Answers to Binding requests, and how long they may be."""

from __future__ import annotations

from itertools import product
from timeit import repeat

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.interfaces import Address
from gamenet.stun_server.binding import (
    BINDING_AMPLIFICATION_LIMIT,
    BindingAnswer,
    answerBinding,
    answerBindingRequest,
    answerProbe,
    bindingAnswers,
    bindingSuccess,
)
from gamenet.wire import stun_attributes
from gamenet.wire.nat_discovery import (
    CHANGE_REQUEST,
    OTHER_ADDRESS,
    PADDING,
    RESPONSE_ORIGIN,
    RESPONSE_PORT,
    encodeAddress,
    encodeChangeRequest,
)
from gamenet.wire.stun import (
    BINDING,
    MessageClass,
    StunMessage,
    decode,
    encode,
    encodeBindingRequest,
    readBindingAddress,
)
from gamenet.wire.stun_attributes import decodeErrorCode, decodeUnknownAttributes
from gamenet.wire.turn import UNDERSTOOD_ATTRIBUTES

_ID = bytes(range(100, 112))
_PLAIN = bytes.fromhex("000100002112a442") + _ID
_PRINTED = encodeBindingRequest(_ID)
_CLIENT = ("198.51.100.7", 50_000)
_CLIENT_6 = ("2001:db8::7", 50_000)
_TOLD = (
    (OTHER_ADDRESS, encodeAddress(("203.0.113.3", 3479))),
    (RESPONSE_ORIGIN, encodeAddress(("203.0.113.2", 3478))),
)
_TOLD_6 = (
    (OTHER_ADDRESS, encodeAddress(("2001:db8::3", 3479))),
    (RESPONSE_ORIGIN, encodeAddress(("2001:db8::2", 3478))),
)
#: What may stand in a Binding request, beside what is not known.
_ATTRIBUTES = (
    (CHANGE_REQUEST, encodeChangeRequest(False, False)),
    (stun_attributes.USERNAME, b"somebody"),
    (stun_attributes.SOFTWARE, b"x"),
    (RESPONSE_PORT, b"\x0d\x96\0\0"),
    (0x7F00, b""),
    (0x7F01, b"12345"),
)


def _request(*attributes: tuple[int, bytes], fingerprint: bool = False) -> bytes:
    message = StunMessage(BINDING, MessageClass.REQUEST, _ID, attributes)
    return encode(message, fingerprint=fingerprint)


def _kinds(data: bytes) -> list[int]:
    return [kind for kind, _ in decode(data).attributes]


class QuickTests(SynchronousTestCase):
    """Plain requests, answered without a codec."""

    def test_plain(self) -> None:
        """20 bytes are answered by 32, without FINGERPRINT."""
        data = answerBinding(_PLAIN, _CLIENT)
        assert data is not None
        self.assertEqual(len(data), 32)
        message = decode(data)
        self.assertEqual((message.transaction_id, message.fingerprinted), (_ID, False))
        self.assertEqual(readBindingAddress(message), _CLIENT)

    def test_printed(self) -> None:
        """28 bytes with FINGERPRINT are answered by 40 with one."""
        data = answerBinding(_PRINTED, _CLIENT)
        assert data is not None
        self.assertEqual(len(data), 40)
        message = decode(data)
        self.assertTrue(message.fingerprinted)
        self.assertEqual(readBindingAddress(message), _CLIENT)

    def test_told(self) -> None:
        """
        OTHER-ADDRESS is in the answer to a bare request, all that coturn's natdiscovery and
        stunclient need to go on; what does not fit is left out from the end.
        """
        for told, client, request, kinds, printed, length in (
            (_TOLD, _CLIENT, _PLAIN, [OTHER_ADDRESS], False, 44),
            (_TOLD, _CLIENT, _PRINTED, [OTHER_ADDRESS, RESPONSE_ORIGIN], True, 64),
            (_TOLD_6, _CLIENT_6, _PLAIN, [], False, 44),
            (_TOLD_6, _CLIENT_6, _PRINTED, [OTHER_ADDRESS], False, 68),
            ((), _CLIENT_6, _PLAIN, [], False, 44),
            ((), _CLIENT_6, _PRINTED, [], True, 52),
        ):
            data = bindingAnswers(told)(request, client)
            assert data is not None
            self.assertEqual(_kinds(data), [stun_attributes.XOR_MAPPED_ADDRESS, *kinds])
            self.assertEqual(len(data), length)
            message = decode(data)
            self.assertIs(message.fingerprinted, printed)
            self.assertEqual(readBindingAddress(message), client)
            for kind in kinds:
                self.assertEqual(message.first(kind), dict(told)[kind])

    def test_others(self) -> None:
        """Whatever is not exactly such a request is left to the codec."""
        wrong_print = _PRINTED[:-1] + bytes((_PRINTED[-1] ^ 1,))
        for data in (
            b"",
            _PLAIN[:-1],
            _PLAIN + b"\0",
            _PLAIN + bytes(8),
            b"\1\1" + _PLAIN[2:],
            b"\0\x11" + _PLAIN[2:],
            _PLAIN[:3] + b"\4" + _PLAIN[4:],
            # RFC 3489: no cookie.
            _PLAIN[:4] + b"\0\0\0\0" + _PLAIN[8:],
            wrong_print,
            b"\0\3" + _PRINTED[2:],
            _PRINTED[:3] + b"\0" + _PRINTED[4:],
            _PRINTED[:20] + b"\x80\x22\0\4" + _PRINTED[24:],
            _PRINTED[:23] + b"\3" + _PRINTED[24:],
            _request((stun_attributes.SOFTWARE, b"abcd")),
        ):
            for client in (_CLIENT, _CLIENT_6):
                self.assertIsNone(answerBinding(data, client), data)

    @given(
        st.ip_addresses(), st.integers(0, 65_535), st.binary(min_size=12, max_size=12),
        st.booleans(), st.sampled_from(((), _TOLD, _TOLD_6)),
    )  # fmt: skip
    @settings(deadline=None, max_examples=200)
    def test_agrees(
        self, host: object, port: int, transaction_id: bytes, printed: bool,
        told: tuple[tuple[int, bytes], ...],
    ) -> None:  # fmt: skip
        """The quick answer is the considered one, to the byte."""
        message = StunMessage(BINDING, MessageClass.REQUEST, transaction_id)
        data = encode(message, fingerprint=printed)
        client = (str(host), port)
        considered = bindingSuccess(decode(data), len(data), client, told)
        self.assertEqual(bindingAnswers(told)(data, client), considered)

    @given(st.binary(max_size=60), st.integers(0, 60))
    @settings(deadline=None, max_examples=200)
    def test_anyBytes(self, noise: bytes, kept: int) -> None:
        """Any bytes are answered or not, and what is answered is a request."""
        for start in (_PLAIN, _PRINTED):
            data = start[:kept] + noise
            if answerBinding(data, _CLIENT) is not None:
                self.assertEqual(decode(data).attributes, ())

    def test_cheap(self) -> None:
        """The quick way takes less than half of the codec's time (performance: STUN server)."""

        def considered(data: bytes, client: Address) -> bytes:
            return answerBindingRequest(decode(data), len(data), client).data

        scope = {"quick": answerBinding, "slow": considered, "client": _CLIENT}
        for data in (_PLAIN, _PRINTED):
            scope["data"] = data
            quick, slow = (
                min(repeat(f"{name}(data, client)", globals=scope, number=500, repeat=20))
                for name in ("quick", "slow")
            )
            self.assertLess(quick, slow / 2)


class RequestTests(SynchronousTestCase):
    """Every other Binding request."""

    def _answer(self, data: bytes, client: Address = _CLIENT) -> BindingAnswer:
        return answerBindingRequest(decode(data), len(data), client)

    def test_success(self) -> None:
        """Credentials and what else is known are passed over (RFC 8489, section 6.3)."""
        for kind in sorted(UNDERSTOOD_ATTRIBUTES):
            answer = self._answer(_request((kind, b"12345678")))
            self.assertEqual((answer.code, answer.origin, answer.destination), (0, None, _CLIENT))
            self.assertEqual(readBindingAddress(decode(answer.data)), _CLIENT)

    def test_signed(self) -> None:
        """A signature is not looked at: anybody may ask."""
        message = StunMessage(
            BINDING, MessageClass.REQUEST, _ID, ((stun_attributes.USERNAME, b"a"),)
        )
        self.assertEqual(self._answer(encode(message, b"key")).code, 0)

    def test_unknown(self) -> None:
        """420 with each unknown type once; CHANGE-REQUEST is one, unless it asks for nothing."""
        for attributes, unknown in (
            (((0x7F00, b""), (0x0024, b"1234"), (0x7F00, b"x")), (0x7F00, 0x0024)),
            (((CHANGE_REQUEST, encodeChangeRequest(True, False)),), (CHANGE_REQUEST,)),
            (((CHANGE_REQUEST, encodeChangeRequest(False, True)),), (CHANGE_REQUEST,)),
            (((CHANGE_REQUEST, b"\0\0"),), (CHANGE_REQUEST,)),
            (((PADDING, bytes(100)), (RESPONSE_PORT, b"\1\1\0\0")), (PADDING, RESPONSE_PORT)),
        ):
            answer = self._answer(_request(*attributes))
            self.assertEqual((answer.code, answer.origin, answer.destination), (420, None, _CLIENT))
            message = decode(answer.data)
            self.assertEqual(message.message_class, MessageClass.ERROR)
            self.assertEqual(message.transaction_id, _ID)
            code = message.first(stun_attributes.ERROR_CODE)
            types = message.first(stun_attributes.UNKNOWN_ATTRIBUTES)
            assert code is not None
            assert types is not None
            self.assertEqual(decodeErrorCode(code).code, 420)
            self.assertEqual(decodeErrorCode(code).reason, "Unknown Attribute")
            self.assertEqual(decodeUnknownAttributes(types), unknown)
        empty = (CHANGE_REQUEST, encodeChangeRequest(False, False))
        self.assertEqual(self._answer(_request(empty)).code, 0)

    def test_fingerprint(self) -> None:
        """An answer has a FINGERPRINT where the request has one, a refusal too."""
        for kind, code in ((stun_attributes.SOFTWARE, 0), (0x7F00, 420)):
            for printed in (False, True):
                answer = self._answer(_request((kind, b"1234"), fingerprint=printed))
                self.assertEqual(answer.code, code)
                self.assertIs(decode(answer.data).fingerprinted, printed)


class AmplificationTests(SynchronousTestCase):
    """Binding replies are at most 2.5 times the request (issue: policy; coturn: 4.6 times)."""

    def _check(self, data: bytes, answer: bytes) -> None:
        self.assertLessEqual(len(answer), 2.5 * len(data))
        decode(answer)

    def test_everySize(self) -> None:
        """Every request of 20 to 1500 bytes, with and without FINGERPRINT, over both families."""
        self.assertEqual(BINDING_AMPLIFICATION_LIMIT, 2.5)
        for length in range(0, 1477, 4):
            fill = () if length == 0 else ((stun_attributes.SOFTWARE, bytes(length - 4)),)
            for printed, client in product((False, True), (_CLIENT, _CLIENT_6)):
                data = _request(*fill, fingerprint=printed)
                message = decode(data)
                self._check(data, answerBindingRequest(message, len(data), client).data)
                for told in (_TOLD, _TOLD_6):
                    self._check(data, bindingSuccess(message, len(data), client, told))

    def test_everyCombination(self) -> None:
        """Every combination of attributes, known and not, in order and backwards."""
        for chosen in product((False, True), repeat=len(_ATTRIBUTES)):
            attributes = [each for each, wanted in zip(_ATTRIBUTES, chosen, strict=True) if wanted]
            for order in (attributes, attributes[::-1]):
                for printed, client in product((False, True), (_CLIENT, _CLIENT_6)):
                    data = _request(*order, fingerprint=printed)
                    answer = answerProbe(data, client)
                    assert answer is not None
                    self._check(data, answer.data)

    def test_manyUnknown(self) -> None:
        """However many attributes are unknown, and however short they are."""
        for count in range(1, 65):
            for printed in (False, True):
                data = _request(*((0x7000 + n, b"") for n in range(count - printed)),
                                fingerprint=printed)  # fmt: skip
                answer = answerProbe(data, _CLIENT)
                assert answer is not None
                self._check(data, answer.data)

    def test_exactly(self) -> None:
        """An attribute that fits to the byte is in, one byte less and it is not."""
        request = decode(_PLAIN)
        for told, size, kinds in (
            (_TOLD[:1], 18, [OTHER_ADDRESS]),  # 2.5 * 18 = 45
            (_TOLD[:1], 17, []),  # 42.5
            (_TOLD, 20, [OTHER_ADDRESS]),
            (_TOLD, 22, [OTHER_ADDRESS]),  # 55
            (_TOLD, 23, [OTHER_ADDRESS, RESPONSE_ORIGIN]),  # 57.5
        ):
            data = bindingSuccess(request, size, _CLIENT, told)
            self.assertEqual(_kinds(data), [stun_attributes.XOR_MAPPED_ADDRESS, *kinds])
        self.assertEqual(len(bindingSuccess(request, 20, _CLIENT, ((0x8099, bytes(16)),))), 32)
        # To the byte: 2.5 * 24 = 60, and 2.5 * 32 = 80 with FINGERPRINT.
        self.assertEqual(len(bindingSuccess(request, 24, _CLIENT, ((0x8099, bytes(24)),))), 60)
        printed = decode(_PRINTED)
        for value, length in ((36, 80), (40, 76), (44, 80), (48, 32)):
            data = bindingSuccess(printed, 32, _CLIENT, ((0x8099, bytes(value)),))
            self.assertEqual(len(data), length)
            self.assertIs(decode(data).fingerprinted, value == 36)

    def test_padded(self) -> None:
        """PADDING never makes an answer longer than the request; its bytes are zero."""
        for length in range(1500):
            request = decode(_request((PADDING, bytes(length))))
            size = len(encode(request, fingerprint=False))
            data = bindingSuccess(request, size, _CLIENT, _TOLD, padded=True)
            padding = decode(data).first(PADDING)
            if padding is not None:
                self.assertLessEqual(len(data), size)
                self.assertGreaterEqual(len(data), size - 3)
                self.assertEqual(padding, bytes(len(padding)))
            else:
                self.assertLessEqual(size, 60)
                self._check(bytes(size), data)
                # Nor what else is told, once XOR-MAPPED-ADDRESS has room in it.
                if size >= 32:
                    self.assertLessEqual(len(data), size)


class ProbeTests(SynchronousTestCase):
    """A port that answers Binding only (--probe-port)."""

    def test_binding(self) -> None:
        """A Binding request is answered, long or short."""
        for data in (_PLAIN, _PRINTED, _request((stun_attributes.SOFTWARE, b"x"))):
            answer = answerProbe(data, _CLIENT)
            assert answer is not None
            self.assertEqual((answer.code, answer.destination, answer.origin), (0, _CLIENT, None))
            self.assertEqual(readBindingAddress(decode(answer.data)), _CLIENT)
        refused = answerProbe(_request((0x7F00, b"")), _CLIENT)
        assert refused is not None
        self.assertEqual(refused.code, 420)

    def test_others(self) -> None:
        """Nothing else is: no TURN, no indication, no answer, nothing malformed, no RFC 3489."""
        for method, kind in product((0, 1, 3, 4, 6, 8, 9, 10, 0x80), MessageClass):
            if (method, kind) != (BINDING, MessageClass.REQUEST):
                data = encode(StunMessage(method, kind, _ID))
                self.assertIsNone(answerProbe(data, _CLIENT), (method, kind))
        for data in (b"", b"\0\1", _PLAIN[:4] + bytes(16), b"\x40\0\0\0", _PLAIN * 2):
            self.assertIsNone(answerProbe(data, _CLIENT), data)

    @given(st.binary(max_size=100))
    @settings(deadline=None, max_examples=200)
    def test_anyBytes(self, noise: bytes) -> None:
        """Any bytes behind a good beginning: silence, or a short answer to whoever sent them."""
        for start in (b"", _PLAIN[:8], _PLAIN):
            data = start + noise
            answer = answerProbe(data, _CLIENT)
            if answer is not None:
                self.assertLessEqual(len(answer.data), 2.5 * len(data))
                self.assertEqual(answer.destination, _CLIENT)
