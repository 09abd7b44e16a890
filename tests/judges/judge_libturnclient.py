"""
coturn's libturnclient as the judge of what our codec writes: a small program in C,
compiled when this runs, that checks FINGERPRINT and MESSAGE-INTEGRITY.

It cannot judge MESSAGE-INTEGRITY-SHA256, which coturn does not know.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from twisted.trial.unittest import TestCase

from gamenet.wire.stun import MessageClass, StunMessage, encode, encodeBindingRequest
from gamenet.wire.stun_attributes import (
    NONCE,
    REALM,
    USERNAME,
    XOR_MAPPED_ADDRESS,
    encodeXorAddress,
)
from gamenet.wire.turn import ALLOCATE, REQUESTED_TRANSPORT, encodeTransport
from gamenet.wire.turn_credentials import longTermKey
from tests.judges.programs import missing, program, run
from tests.rfc5769_vectors import LONG_TERM_REQUEST

_SOURCE = Path(__file__).with_name("signatures.c")
_ID = bytes(range(12))
_USER, _REALM, _PASSWORD = "1795265515:alice", "gamenet.test", "TheMatrIX"


class LibturnclientTests(TestCase):
    """Done when: RFC 5769 vectors, and a judge other than ourselves of what we write."""

    timeout = 60

    async def judgment(
        self, *messages: bytes, who: tuple[str, str, str] = (_USER, _REALM, _PASSWORD)
    ) -> list[str]:
        """
        Compile the judge, and return what it says of each message.

        @param who: The user, the realm and the password.
        """
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        judge = str(folder / "signatures")
        compiled = await run(
            30,
            *(program("cc", "gcc"), str(_SOURCE), "-o", judge, "-I/usr/include"),
            *("-lturnclient", "-lssl", "-lcrypto"),
        )
        if compiled.code != 0:
            raise missing(f"libturnclient (Debian packages coturn, libssl-dev): {compiled.text}")
        said = []
        for message in messages:
            file = folder / "message.hex"
            file.write_text(message.hex())
            answer = await run(
                10,
                *("/bin/sh", "-c", 'exec "$0" "$1" "$2" "$3" <"$4"'),
                *(judge, *who, str(file)),
            )
            self.assertEqual(answer.code, 0, answer)
            said.append(answer.text.strip())
        return said

    def signed(self, message_class: MessageClass, size: int) -> bytes:
        """Return a message of ours, signed, with a NONCE of some length."""
        attributes = (
            (REQUESTED_TRANSPORT, encodeTransport()),
            (XOR_MAPPED_ADDRESS, encodeXorAddress(("192.0.2.1", 32853), _ID)),
            (USERNAME, _USER.encode()),
            (REALM, _REALM.encode()),
            (NONCE, b"n" * size),
        )
        key = longTermKey(_USER, _REALM, _PASSWORD)
        return encode(StunMessage(ALLOCATE, message_class, _ID, attributes), key)

    async def test_signatures(self) -> None:
        """Requests, successes and errors with every padding are right in its eyes."""
        classes = (MessageClass.REQUEST, MessageClass.SUCCESS, MessageClass.ERROR)
        messages = [self.signed(each, size) for each in classes for size in range(16, 20)]
        said = await self.judgment(*messages)
        self.assertEqual(said, ["fingerprint 1 integrity 1"] * len(messages))

    async def test_binding(self) -> None:
        """An unsigned request has its FINGERPRINT and no signature."""
        said = await self.judgment(encodeBindingRequest(_ID))
        self.assertEqual(len(said), 1)
        self.assertTrue(said[0].startswith("fingerprint 1 integrity "), said)
        self.assertNotEqual(said[0], "fingerprint 1 integrity 1")

    async def test_vector(self) -> None:
        """It reads the long-term vector of RFC 5769 (section 2.4), which has no FINGERPRINT."""
        who = ("\u30de\u30c8\u30ea\u30c3\u30af\u30b9", "example.org", "TheMatrIX")
        said = await self.judgment(LONG_TERM_REQUEST, who=who)
        self.assertEqual(said, ["fingerprint 0 integrity 1"])

    async def test_wrong(self) -> None:
        """A wrong password, another realm and a turned bit: it can say no."""
        message = self.signed(MessageClass.REQUEST, 16)
        turned = message[:-1] + bytes([message[-1] ^ 1])
        for who in ((_USER, _REALM, "other"), (_USER, "other", _PASSWORD)):
            self.assertEqual(await self.judgment(message, who=who), ["fingerprint 1 integrity 0"])
        self.assertIn("fingerprint 0", (await self.judgment(turned))[0])
