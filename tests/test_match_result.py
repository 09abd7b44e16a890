"""
The result of a finished match: stated, signed by every player, and offered to the lobby.
"""

from __future__ import annotations

from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import MomentFailed
from gamenet.match import MatchSettings, Outcome, SignatureState
from gamenet.match.result import StatementExchange
from gamenet.sealing.player_keys import PlayerKeys, isSigned
from gamenet.wire import canonical_cbor
from gamenet.wire.match_statements import MatchStatement, StatementPacket
from gamenet.world.link import LinkProfile
from tests.many_players import MATCH_ID, ManyPlayers
from tests.scenes import seatedPlayers

KEYS = {player: PlayerKeys.fromRandomBytes(bytes([player]) * 64) for player in (1, 2, 3)}
STATEMENT = MatchStatement(bytes(16), 99, 7, b"2 won")


def exchange(player: int = 1) -> StatementExchange:
    """Return a player's part in the exchange of three."""
    others = {other: keys.statement_key for other, keys in KEYS.items() if other != player}
    return StatementExchange(player, others, isSigned)


def signed(
    player: int, statement: MatchStatement = STATEMENT, has: bool = False
) -> StatementPacket:
    """Return what a player tells."""
    return StatementPacket(
        has,
        statement.last_frame,
        statement.checksum,
        statement.outcome,
        KEYS[player].sign(statement.toBytes()),
    )


class ExchangeTests(SynchronousTestCase):
    """Missing or differing signatures are kept as such."""

    def states(self, part: StatementExchange) -> list[SignatureState]:
        """Return what is known of all three."""
        return [each.state for each in part.signatures()]

    def test_given(self) -> None:
        """All three sign the same; each signature is of the bytes that the result has."""
        part = exchange()
        self.assertEqual((part.signatures(), part.packetFor(2)), ((), None))
        part.made(STATEMENT, KEYS[1].sign(STATEMENT.toBytes()))
        for player in (2, 3):
            part.received(player, signed(player))
        self.assertEqual(self.states(part), [SignatureState.GIVEN] * 3)
        for each in part.signatures():
            self.assertEqual(each.statement, STATEMENT.toBytes())
            self.assertTrue(
                isSigned(KEYS[each.player].statement_key, each.statement, each.signature)
            )

    def test_missing(self) -> None:
        """Who said nothing is missing."""
        part = exchange()
        part.made(STATEMENT, bytes(64))
        part.received(3, signed(3))
        missing = part.signatures()[1]
        self.assertEqual(
            (missing.player, missing.state, missing.signature, missing.statement),
            (2, SignatureState.MISSING, b"", b""),
        )

    def test_differing(self) -> None:
        """Another outcome, checksum or frame, well signed, is kept with what was signed."""
        for other in (
            MatchStatement(bytes(16), 99, 7, b"3 won"),
            MatchStatement(bytes(16), 99, 8, b"2 won"),
            MatchStatement(bytes(16), 98, 7, b"2 won"),
        ):
            part = exchange()
            part.made(STATEMENT, bytes(64))
            part.received(2, signed(2, other))
            part.received(2, signed(2))
            self.assertEqual(self.states(part)[1], SignatureState.DIFFERING)
            self.assertEqual(part.signatures()[1].statement, other.toBytes())

    def test_badlySigned(self) -> None:
        """Bad input: another player's signature, none, or one of another match is missing."""
        part = exchange()
        part.made(STATEMENT, bytes(64))
        part.received(2, signed(3))
        foreign = signed(2, MatchStatement(bytes([1]) * 16, 99, 7, b"2 won"))
        part.received(2, foreign)
        part.received(9, signed(2))
        self.assertEqual(self.states(part)[1], SignatureState.MISSING)
        self.assertEqual(part.refused, 2)
        part.received(2, signed(2))
        self.assertEqual(self.states(part)[1], SignatureState.GIVEN)

    def test_early(self) -> None:
        """Who is finished sooner is kept until we are, one packet of each."""
        part = exchange()
        part.received(2, signed(2, MatchStatement(bytes(16), 1, 1, b"")))
        part.received(2, signed(2))
        self.assertEqual(part.signatures(), ())
        part.made(STATEMENT, bytes(64))
        self.assertEqual(self.states(part)[1], SignatureState.GIVEN)

    def test_settled(self) -> None:
        """Both have each other's, and have said so."""
        part = exchange()
        part.made(STATEMENT, bytes(64))
        packet = part.packetFor(2)
        assert packet is not None
        self.assertFalse(packet.has_yours)
        part.received(2, signed(2))
        self.assertFalse(part.settled(2))
        packet = part.packetFor(2)
        assert packet is not None
        self.assertTrue(packet.has_yours)
        part.received(2, signed(2, has=True))
        self.assertTrue(part.settled(2))
        self.assertFalse(part.settled(3))


class WorldTests(SynchronousTestCase):
    """A finished match yields a result signed by every player with its Ed25519 key."""

    def finished(self, players: int = 3, **options: object) -> ManyPlayers:
        """Return a match that was played to its end."""
        mesh = ManyPlayers(players, frames=90, **options)  # type: ignore[arg-type]
        mesh.play()
        mesh.toTheEnd()
        return mesh

    def test_allSign(self) -> None:
        """With a tenth of all packets lost every player has everybody's signature."""
        for seed in range(5):
            mesh = self.finished(4, seed=seed, profile=LinkProfile(latency=0.02, loss=0.05))
            for seat in mesh.seats.values():
                result = seat.result
                assert result is not None
                self.assertEqual(
                    canonical_cbor.decode(result.statement)[1:],  # type: ignore[index]
                    [MATCH_ID, 89, result.checksum, b"a draw"],
                )
                for each in result.signatures:
                    self.assertIs(each.state, SignatureState.GIVEN, f"seed {seed}")
                    key = mesh.seats[each.player].keys.statement_key
                    self.assertTrue(isSigned(key, result.statement, each.signature))

    def test_oneSaysOtherwise(self) -> None:
        """A game that claims another outcome: its signature is there, and differs."""
        mesh = ManyPlayers(3, frames=90)
        mesh.seats[2].protocol.outcome = b"player 2 won"
        mesh.play()
        mesh.toTheEnd()
        for player, wanted in ((1, (0, 1, 0)), (2, (1, 0, 1)), (3, (0, 1, 0))):
            result = mesh.seats[player].result
            assert result is not None
            found = tuple(
                int(each.state is SignatureState.DIFFERING) for each in result.signatures
            )
            self.assertEqual(found, wanted)

    def test_aCrashedPlayerIsMissing(self) -> None:
        """Who crashed in mid-match has not signed; nobody waits for that."""
        mesh = ManyPlayers(3, frames=300, lost_after=1.0)
        mesh.play()
        mesh.until(60)
        mesh.seats[2].machine.stop()
        mesh.toTheEnd()
        result = mesh.seats[1].result
        assert result is not None
        self.assertEqual(
            [each.state for each in result.signatures],
            [SignatureState.GIVEN, SignatureState.MISSING, SignatureState.GIVEN],
        )

    def test_whoLeavesStatesNothing(self) -> None:
        """A match that was left has no statement."""
        mesh = ManyPlayers(2)
        mesh.play()
        mesh.until(30)
        assert mesh.seats[1].match is not None
        mesh.seats[1].match.leave()
        mesh.toTheEnd()
        for seat in mesh.seats.values():
            assert seat.result is not None
            self.assertEqual((seat.result.statement, seat.result.signatures), (b"", ()))

    def test_outcomesThatAreNone(self) -> None:
        """gameOutcome that returns no bytes, too many, or raises: MomentFailed by its name."""
        for bad in (None, "text", bytes(513)):
            mesh = ManyPlayers(2, frames=30)
            mesh.seats[1].protocol.outcome = bad  # type: ignore[assignment]
            mesh.play()
            mesh.toTheEnd()
            self.flushLoggedErrors()
            error = mesh.seats[1].failure
            assert isinstance(error, MomentFailed)
            self.assertEqual(error.moment, "gameOutcome")


class LobbyTests(SynchronousTestCase):
    """The result is offered to the lobby."""

    def test_offeredWhereOneDiffers(self) -> None:
        """Differing signatures are kept as such: nobody is said to have signed another's word."""
        scene = seatedPlayers()
        offered: list[list[int]] = []

        def spy(match_id: bytes, result: bytes, signatures: list[tuple[int, bytes]]) -> object:
            offered.append([player for player, _ in signatures])
            return succeed(None)

        scene.ada.player.lobby.offerResult = spy  # type: ignore
        scene.ada.protocol.gameOutcome = lambda: b"Ada won"  # type: ignore
        scene.grace.protocol.gameOutcome = lambda: b"Grace won"  # type: ignore
        scene.play(MatchSettings(frames=60))
        scene.playToTheEnd(20.0)
        scene.network.advance(1.0)
        result = scene.ada.result
        assert result is not None
        states = [each.state for each in result.signatures]
        self.assertEqual(states, [SignatureState.GIVEN, SignatureState.DIFFERING])
        self.assertEqual(offered, [[1]])

    def test_offered(self) -> None:
        """By the host, before the session is open again: the statement and both signatures."""
        scene = seatedPlayers()
        offered: list[tuple[bytes, bytes, list[tuple[int, bytes]]]] = []
        lobby = scene.ada.player.lobby
        offer = lobby.offerResult

        def spy(match_id: bytes, result: bytes, signatures: list[tuple[int, bytes]]) -> object:
            offered.append((match_id, result, signatures))
            return offer(match_id, result, signatures)

        lobby.offerResult = spy  # type: ignore
        scene.play(MatchSettings(frames=60))
        scene.playToTheEnd(20.0)
        scene.network.advance(1.0)
        result = scene.ada.result
        assert result is not None
        self.assertEqual(result.outcome, Outcome.FINISHED)
        ((match_id, statement, signatures),) = offered
        self.assertEqual((match_id, statement), (result.match_id, result.statement))
        self.assertEqual([player for player, _ in signatures], [1, 2])
        self.assertEqual(scene.grace.session.view.state, "open")
