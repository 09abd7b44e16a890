"""Tests of L{gamenet.rollback.state_dump}."""

from __future__ import annotations

from struct import pack
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, LocalProtocolError, MalformedMessage, UnknownMessage
from gamenet.rollback.state_dump import (
    DUMP_LIMIT,
    PART_NAME_BYTES,
    PARTS_LIMIT,
    DumpPair,
    StateDump,
    decodeStateDump,
    encodeStateDump,
)

NAMES = st.text(max_size=20).filter(lambda text: len(text.encode()) <= PART_NAME_BYTES)
DUMPS = st.builds(
    StateDump,
    st.integers(0, 1 << 30),
    st.integers(0, (1 << 32) - 1),
    st.binary(max_size=60),
    st.none() | st.dictionaries(NAMES, st.binary(max_size=20)).map(lambda d: tuple(d.items())),
)

SAMPLE = StateDump(7, 0x01020304, b"state", (("ball", b"\1\2"), ("ö", b"")))
SAMPLE_BYTES = bytes.fromhex(
    "01 00000007 01020304 00000005 7374617465"
    "01 0002"
    "04 00000002 62616c6c 0102"
    "02 00000000 c3b6"
)


class LayoutTests(SynchronousTestCase):
    """Each dump has one encoding."""

    def test_layout(self) -> None:
        """The bytes are those that the module's docstring names."""
        self.assertEqual(encodeStateDump(SAMPLE), SAMPLE_BYTES)
        self.assertEqual(decodeStateDump(SAMPLE_BYTES), SAMPLE)
        bare = StateDump(0, 0, b"")
        self.assertEqual(encodeStateDump(bare), b"\1" + bytes(13))
        self.assertEqual(decodeStateDump(b"\1" + bytes(13)), bare)

    @given(DUMPS)
    @settings(deadline=None, max_examples=100)
    def test_roundTrip(self, dump: StateDump) -> None:
        """What is encoded comes out again, parts in order; the size is known before."""
        data = encodeStateDump(dump)
        self.assertEqual(len(data), dump.size)
        self.assertEqual(decodeStateDump(data), dump)

    @given(
        st.one_of(
            st.binary(max_size=80),
            st.binary(max_size=80).map(lambda rest: SAMPLE_BYTES[:9] + rest),
            st.builds(
                lambda place, value: (
                    SAMPLE_BYTES[:place] + bytes([value]) + SAMPLE_BYTES[place + 1 :]
                ),
                st.integers(0, len(SAMPLE_BYTES)),
                st.integers(0, 255),
            ),
        )
    )
    @example(b"")
    @settings(deadline=None, max_examples=400)
    def test_everyByteString(self, data: bytes) -> None:
        """Bad input: any bytes are a dump, of which they are the one encoding, or malformed."""
        try:
            dump = decodeStateDump(data)
        except MalformedMessage:
            return
        self.assertEqual(encodeStateDump(dump), data)

    def test_cutOff(self) -> None:
        """Bad input: every beginning of a dump, and one byte too many."""
        for length in range(len(SAMPLE_BYTES)):
            self.assertRaises(MalformedMessage, decodeStateDump, SAMPLE_BYTES[:length])
        self.assertRaises(MalformedMessage, decodeStateDump, SAMPLE_BYTES + b"\0")
        bare = encodeStateDump(StateDump(0, 0, b""))
        self.assertRaises(MalformedMessage, decodeStateDump, bare + b"\0")

    def test_version(self) -> None:
        """Bad input: another version is told as such."""
        for version in (b"", b"\0", b"\2", b"\xff"):
            data = version + SAMPLE_BYTES[1:] if version else b""
            self.assertRaises(UnknownMessage, decodeStateDump, data)

    def test_strange(self) -> None:
        """Bad input: lengths beyond the end, too many parts, a name twice or no text."""
        head = SAMPLE_BYTES[:9]
        for rest in (
            pack(">I", (1 << 32) - 1),
            pack(">IBH", 0, 1, PARTS_LIMIT + 1) + bytes(5) * (PARTS_LIMIT + 1),
            pack(">IBHBI", 0, 1, 1, 0, (1 << 32) - 1),
            pack(">IB", 0, 2),
            pack(">IBH", 0, 1, 2) + b"\1\0\0\0\0a" * 2,
            pack(">IBH", 0, 1, 1) + b"\1\0\0\0\0\xff",
        ):
            self.assertRaises(MalformedMessage, decodeStateDump, head + rest)
        far = b"\1\xff\xff\xff\xff" + SAMPLE_BYTES[5:]
        self.assertRaises(MalformedMessage, decodeStateDump, far)

    def test_limit(self) -> None:
        """A dump may be as large as the limit and no larger, both ways."""
        largest = StateDump(0, 0, bytes(DUMP_LIMIT - 14))
        data = encodeStateDump(largest)
        self.assertEqual(len(data), DUMP_LIMIT)
        self.assertEqual(decodeStateDump(data).size, DUMP_LIMIT)
        self.assertRaises(
            LocalProtocolError, encodeStateDump, StateDump(0, 0, bytes(DUMP_LIMIT - 13))
        )
        self.assertRaises(MalformedMessage, decodeStateDump, data + b"\0")

    def test_partsLimit(self) -> None:
        """As many parts as the limit says."""
        dump = StateDump(0, 0, b"", tuple((f"{n}", b"") for n in range(PARTS_LIMIT)))
        self.assertEqual(decodeStateDump(encodeStateDump(dump)), dump)

    def test_values(self) -> None:
        """A dump that cannot be encoded cannot be made."""
        for wrong in (
            {"frame": -1},
            {"frame": 1 << 40},
            {"checksum": -1},
            {"checksum": 1 << 32},
            {"parts": {"a": b""}},
            {"parts": (("a", b""), ("a", b""))},
            {"parts": (("a", 1),)},
            {"parts": (("a",),)},
            {"parts": (("x" * 256, b""),)},
            {"parts": (("\ud800", b""),)},
        ):
            values: dict[str, Any] = {"frame": 0, "checksum": 0, "snapshot": b"", **wrong}
            self.assertRaises(BadSetting, StateDump, **values)


class PairTests(SynchronousTestCase):
    """Done when: a dump pair names the first differing part, and both values."""

    def pair(self, local: StateDump, remote: StateDump) -> DumpPair:
        return DumpPair(7, 2, local, remote)

    def test_firstPart(self) -> None:
        """The first part that differs, in our order of parts, with both sides' bytes."""
        remote = StateDump(
            7, 0x0A0B0C0D, b"stbte", (("ö", b"new"), ("ball", b"\1\3"), ("more", b"?"))
        )
        pair = self.pair(SAMPLE, remote)
        first = pair.first
        assert first is not None
        self.assertEqual((first.part, first.offset), ("ball", 1))
        self.assertEqual((first.first, first.later), (b"\2", b"\3"))
        self.assertEqual([each.part for each in pair.differences], ["ball", "ö", "more"])
        self.assertEqual(
            str(pair),
            "frame 7: checksum 01020304 here, 0a0b0c0d at player 2\n"
            "    part 'ball': from byte 1 on here 02, there 03\n"
            "    part 'ö': from byte 0 on here nothing, there 6e6577 (0 bytes here, 3 there)\n"
            "    part 'more': only there",
        )
        self.assertIn("part 'more': only here", str(self.pair(remote, SAMPLE)))

    def test_withoutParts(self) -> None:
        """Where a side has no parts, the snapshots are compared."""
        pair = self.pair(StateDump(7, 1, b"state"), StateDump(7, 2, b"stbte", (("a", b""),)))
        first = pair.first
        assert first is not None
        self.assertEqual((first.part, first.offset), ("", 2))
        text = "\n    the snapshot: from byte 2 on here 617465, there 627465"
        self.assertTrue(str(pair).endswith(text))

    def test_onlyChecksums(self) -> None:
        """Equal states with different checksums are told to be equal."""
        pair = self.pair(StateDump(7, 1, b"state"), StateDump(7, 2, b"state"))
        self.assertIsNone(pair.first)
        self.assertTrue(str(pair).endswith("only their checksums differ"))

    def test_otherFrame(self) -> None:
        """A pair is of one frame."""
        for local, remote in ((7, 8), (8, 7), (8, 8)):
            self.assertRaises(
                LocalProtocolError, self.pair, StateDump(local, 0, b""), StateDump(remote, 0, b"")
            )
