"""
The client in another language (L{tests.test_vectors_foreign}) and the vectors of links: how
they are sealed, their channel, and the shared session's log in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gamenet.errors import RemoteProtocolError
from gamenet.event_log.snapshot import Snapshot
from gamenet.wire.lobby_fields import unpackRow
from gamenet.wire.log_events import Event
from gamenet.wire.log_messages import decodeLogMessage
from tests.foreign import cbor, channel, log, seal
from tests.foreign.malformed import Malformed
from tests.vectors.vector_case import VectorTests, octets, read


class ChannelVectorTests(VectorTests):
    """C{docs/vectors/channel.json}."""

    def setUp(self) -> None:
        """Read the file."""
        self.vectors = read("channel.json")

    def test_bodies(self) -> None:
        """Every body is read and written."""
        for vector in self.vectors:
            number, acknowledgement, frames = channel.decodeBody(octets(vector["body"]))
            self.assertEqual(number, vector["number"])
            told = [{key: each.hex() if isinstance(each, bytes) else each
                     for key, each in frame.items() if key != "length"} for frame in frames]
            self.assertEqual(told, vector["frames"])
            written = b""
            if acknowledgement is not None:
                expected = dict(vector["acknowledgement"])
                self.assertAlmostEqual(expected.pop("waited_seconds"),
                                       acknowledgement["waited"] * 16e-6)
                waited = acknowledgement.pop("waited")
                self.assertEqual(acknowledgement, expected)
                written = channel.acknowledgementOf(
                    acknowledgement["ranges"], waited, acknowledgement["received_at"]
                )
            body = channel.encodeBody(number, written, frames)
            self.assertEqual(body.hex(), vector["body"])

    def test_messages(self) -> None:
        """A stream's messages come out whole, in whatever order the pieces arrive."""
        stream = b"\0\0\0\2hi\0\0\0\0\0\0\0\3you"
        pieces = [(at, stream[at : at + 4]) for at in range(0, len(stream), 4)]
        bodies = [
            channel.encodeBody(
                number, b"", [{"frame": "Piece", "stream": 0, "offset": at, "content": piece}]
            )
            for number, (at, piece) in enumerate(pieces, 1)
        ]
        receiver = channel.Receiver()
        messages = [each for body in bodies[::-1] for each in receiver.received(body, 1.0)]
        self.assertEqual(messages, [(0, b"hi"), (0, b""), (0, b"you")])
        body = channel.encodeBody(None, receiver.acknowledgement(1.5), [])
        _, told, _ = channel.decodeBody(body)
        self.assertEqual(told, {"ranges": [[1, 5]], "waited": 31250, "received_at": 1_000_000})


def _alterations(event: list[Any]) -> Iterator[list[Any]]:
    """Return an event with each of its parts another one."""
    for place, others in (
        (0, (bytes(16),)),
        (1, (event[1] - 1, event[1] + 1, 0)),
        (2, ([event[2][0] + 1, event[2][1]], [event[2][0], event[2][1] + 1], [0, 0], [9, 1])),
        (3, (0, event[3] + 1)),
        (4, (0, 1, 2, 3, 4, 65)),
        (5, (0, 1, event[5] + 1, 2**48)),
    ):
        for other in others:
            yield [*event[:place], other, *event[place + 1 :]]
    for place, part in enumerate(event[6]):
        if type(part) is int:
            for other in (0, 1, 2, 3, 4, 5, 12, 13):
                yield [*event[:6], [*event[6][:place], other, *event[6][place + 1 :]]]
    for body in ([3, 2], [4, 2], [2, 2, 2], [2, 3, 3], [11, 3], [11, 2], [12, [1, 2]], [12, [2]],
                 [8, "map", None], [6, 2, "again", b""], [7, 1, b""], [9, 1, "hi"], []):
        yield [*event[:6], body]


class LogVectorTests(VectorTests):
    """C{docs/vectors/event_log.json}."""

    def setUp(self) -> None:
        """Read the file."""
        self.vectors = read("event_log.json")

    def test_session(self) -> None:
        """The events lead from the ticket to the snapshot, by way of every digest."""
        opening = self.vectors["opening"]
        names = {int(player): name for player, name in opening["names"].items()}
        state = log.State.opened(
            octets(opening["session_id"]), opening["name"], names, opening["capacity"]
        )
        self.assertEqual(state.encoded().hex(), opening["snapshot"])
        self.assertEqual(log.digestOf(state.encoded()).hex(), opening["digest"])
        for told in self.vectors["events"]:
            state = state.applied(octets(told["event"]))
            self.assertEqual(log.digestOf(state.encoded()).hex(), told["digest_after"])
        self.assertEqual(state.encoded().hex(), self.vectors["snapshot_after"])

    def test_altered(self) -> None:
        """Bad input: of every event altered somewhere the client says what ours says."""
        opening = octets(self.vectors["opening"]["snapshot"])
        theirs, ours = log.State(cbor.decode(opening)), Snapshot.decoded(opening).state
        refused = taken = 0
        for told in self.vectors["events"]:
            event = cbor.decode(octets(told["event"]))
            for altered in _alterations(event):
                data = cbor.encode(altered)
                try:
                    found = ours.applied(unpackRow(Event, altered)).digest()
                except (RemoteProtocolError, ValueError):
                    found = b""
                try:
                    digest = log.digestOf(theirs.applied(data).encoded())
                except Malformed:
                    digest = b""
                self.assertEqual(digest, found, repr(altered))
                refused, taken = refused + (not found), taken + bool(found)
            theirs = theirs.applied(octets(told["event"]))
            ours = ours.applied(unpackRow(Event, event))
        self.assertGreater(refused, 100)
        self.assertGreater(taken, 20)

    def test_messages(self) -> None:
        """Every message is read and written."""
        seen = set()
        for digits in (*self.vectors["messages"].values(), *self.vectors["elections"].values()):
            message = log.decodeLogMessage(octets(digits))
            self.assertEqual(cbor.encode(message).hex(), digits)
            seen.add(message[0])
        self.assertEqual(seen, set(log.MESSAGES))

    def test_commands(self) -> None:
        """Every command fits in a message."""
        for asked in self.vectors["commands"]:
            command = cbor.decode(octets(asked["command"]))
            log.decodeLogMessage(cbor.encode([2, 1, command]))

    def test_malformed(self) -> None:
        """Bad input: what is no message is refused."""
        self.refuses(log.decodeLogMessage, decodeLogMessage, self.vectors["malformed"])


class SealVectorTests(VectorTests):
    """C{docs/vectors/sealing.json}; L{tests.test_sealing_vectors} has its single steps."""

    def setUp(self) -> None:
        """Read the file."""
        self.vectors = read("sealing.json")
        self.match = octets(self.vectors["match_id"])

    def player(self, vector: dict[str, str]) -> tuple[bytes, bytes, bytes, bytes]:
        """Return both private keys and both public ones."""
        private = octets(vector["link_private_key"]), octets(vector["statement_private_key"])
        public = seal.publicKeys(*private)
        self.assertEqual(public, (octets(vector["link_key"]), octets(vector["statement_key"])))
        return (*private, *public)

    def test_datagrams(self) -> None:
        """Both sides of a link write and read every datagram, over three epochs."""
        one, two = (self.player(self.vectors["players"][each]) for each in "12")
        ends = (1, one[2], 0), (2, two[2], 0)
        links = [
            seal.deriveLink(one[0], ends[0], ends[1], self.match),
            seal.deriveLink(two[0], ends[1], ends[0], self.match),
        ]
        for vector in self.vectors["datagrams"]:
            sender, receiver = links[vector["sender"] - 1], links[2 - vector["sender"]]
            if vector["sender"] == 1:
                sender.epoch = vector["epoch"]
            datagram = octets(vector["datagram"])
            self.assertEqual(sender.seal(octets(vector["packet"])), datagram)
            for place in (0, 5, 12, 20, len(datagram) - 1):
                broken = bytearray(datagram)
                broken[place] ^= 1
                with self.assertRaises(Malformed):
                    receiver.open(bytes(broken))
            self.assertEqual(receiver.open(datagram).hex(), vector["packet"])
            with self.assertRaises(Malformed):
                receiver.open(datagram)
            self.assertEqual(receiver.epoch, vector["epoch"])

    def test_handshake(self) -> None:
        """Who comes back says what the file has, and gets the link of the file."""
        back = self.player(self.vectors["returned_player_1"])
        two = self.player(self.vectors["players"]["2"])
        told = {name: octets(each) for name, each in self.vectors["handshake"].items()}
        nonce = told["hello"][53:69]
        returning = seal.Returning(
            self.match, 1, 2, back[0], back[1], (two[2], 0), two[3], nonce
        )
        self.assertEqual(returning.hello(), told["hello"])
        self.assertEqual(returning.proof(told["challenge"]), told["proof"])
        link = returning.welcomed(told["welcome"])
        expected = self.vectors["link_after_return"]
        self.assertEqual(link.outgoing.link_id.hex(), expected["1_to_2"]["link_id"])
        self.assertEqual(link.incoming.link_id.hex(), expected["2_to_1"]["link_id"])
        self.assertEqual(link.outgoing.key(2).hex(), expected["1_to_2"]["keys_of_epochs"][2])
        for broken in (told["welcome"][:-1], told["welcome"][:-1] + b"\0", told["challenge"]):
            with self.assertRaises(Malformed):
                returning.welcomed(broken)
