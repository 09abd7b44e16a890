"""
The shared session of a match that is played: chat beside the frames, hosts that die, who
comes late and who comes back.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import CommandRefused, MatchEnded, MomentFailed
from gamenet.match import Outcome
from gamenet.wire.lobby_values import OPEN
from gamenet.wire.log_commands import Kick, Say
from gamenet.wire.log_events import ActivityEnded, ActivityStarted, Chat, ParticipantJoined
from gamenet.wire.log_values import LeaveReason
from gamenet.world.link import LinkProfile
from tests.many_players import ManyPlayers, MeshSeat
from tests.test_match_parties import Party

LOSSY = LinkProfile(latency=0.015, jitter=0.01, loss=0.03, reordering=0.03)


class Listening:
    """Has everybody in a match write down what is told of the session."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def attach(self, seat: Any) -> None:
        """Listen to a player."""
        for name in (
            "synced", "eventApplied", "eventDropped", "hostChanged", "participantLost",
            "participantReturned", "participantLeft", "statesDisagree",
        ):  # fmt: skip
            setattr(seat.protocol, name, self._noting(name))

    def of(self, name: str) -> list[tuple[Any, ...]]:
        """Return what was told of that name."""
        return [each[1:] for each in self.told if each[0] == name]

    def bodies(self, kind: type) -> list[Any]:
        """Return the bodies of a kind."""
        return [event.body for (event,) in self.of("eventApplied") if isinstance(event.body, kind)]

    def _noting(self, name: str) -> Any:
        return lambda *what: self.told.append((name, *what))


def playing(
    players: int, frame: int = 60, seed: int = 1, **options: Any
) -> tuple[ManyPlayers, dict[int, Listening]]:
    """Return a match in which all have confirmed some frames, and who listens to it."""
    options.setdefault("lost_after", 1.5)
    mesh = ManyPlayers(players, seed, **options)
    heard = {}
    for player, seat in mesh.seats.items():
        heard[player] = Listening()
        heard[player].attach(seat)
    mesh.play()
    mesh.until(frame)
    return mesh, heard


def shared(seat: MeshSeat) -> Any:
    """Return a seat's session."""
    assert seat.match is not None
    return seat.match.shared


def settle(mesh: ManyPlayers, limit: float = 20.0) -> None:
    """Let time pass until all who play are at one event, in one state."""
    def settled() -> bool:
        states = [shared(seat).state for seat in mesh.living]
        return len({state and (state.sequence, state.digest()) for state in states}) == 1

    mesh.network.runUntil(settled, limit)
    mesh.network.advance(0.6)
    mesh.network.runUntil(settled, limit)


class PlayTests(SynchronousTestCase):
    """K11: the match is an activity of the session; all talk while it is played."""

    def test_activity(self) -> None:
        """The host logs that play begins, and how it ended, with what all have signed."""
        mesh, heard = playing(3, frames=200, profile=LOSSY)
        for seat in mesh.seats.values():
            self.assertEqual(shared(seat).state.activity.name, "match")
        mesh.toTheEnd()
        for player, seat in mesh.seats.items():
            assert seat.result is not None
            self.assertIs(seat.result.outcome, Outcome.FINISHED)
            self.assertEqual(len(heard[player].bodies(ActivityStarted)), 1)
        (ended,) = heard[1].bodies(ActivityEnded)
        result = mesh.seats[2].result
        assert result is not None
        self.assertEqual(ended.content, result.statement)

    def test_chat(self) -> None:
        """Five talk while they play, with loss; frames and log agree for all."""
        mesh, heard = playing(5, profile=LOSSY, seed=3)
        answers: list[Any] = []
        for seat in mesh.living:
            shared(seat).submit(Say(f"I am {seat.player}")).addCallback(answers.append)
        mesh.onward(120)
        settle(mesh)
        self.assertEqual(len(answers), 5)
        texts = [body.text for body in heard[1].bodies(Chat)]
        self.assertEqual(sorted(texts), [f"I am {player}" for player in range(1, 6)])
        for listening in heard.values():
            self.assertEqual([body.text for body in listening.bodies(Chat)], texts)
            self.assertEqual(listening.of("statesDisagree"), [])
        self.assertEqual(mesh.disagreement(), "")

    def test_raising(self) -> None:
        """A moment of the session that raises ends the match like the others."""
        mesh, _ = playing(3)

        def raising(event: object) -> None:
            raise ValueError("a mistake of the game")

        mesh.seats[3].protocol.eventApplied = raising  # type: ignore[method-assign]
        shared(mesh.seats[1]).submit(Say("boo"))
        mesh.network.runUntil(lambda: mesh.seats[3].over, 10.0)
        error = mesh.seats[3].failure
        assert isinstance(error, MomentFailed)
        self.assertEqual(error.moment, "eventApplied")
        self.assertEqual(len(self.flushLoggedErrors(MomentFailed)), 1)
        mesh.onward(60)
        self.assertEqual(len(mesh.living), 2)


class HostTests(SynchronousTestCase):
    """K4: the host dies, and session and match go on."""

    def test_killed(self) -> None:
        """Commands are answered by the new host; the grace keeps the seat, in log and links."""
        for seed in (1, 2):
            mesh, heard = playing(4, seed=seed, profile=LOSSY)
            mesh.seats[1].machine.stop()
            answers: list[Any] = []
            for seat in mesh.living:
                shared(seat).submit(Say("who is it")).addCallback(answers.append)
            mesh.network.runUntil(lambda answers=answers: len(answers) == 3, 15.0)
            mesh.onward(120)
            settle(mesh)
            for seat in mesh.living:
                session = shared(seat)
                self.assertEqual(session.host, 2)
                self.assertEqual(heard[seat.player].of("hostChanged")[-1][0], 2)
                self.assertEqual(heard[seat.player].of("participantLost"), [(1,)])
                self.assertIsNotNone(session.state.participant(1).lost_at_ms)
                self.assertEqual(session.state.activity.name, "match")
                self.assertEqual(seat.protocol.told("playerDropped")[0][0], 1)
            self.assertEqual(mesh.disagreement(2, 3, 4), "")

    def test_returned(self) -> None:
        """The killed host's process comes back: as a guest of the log, and into play."""
        mesh, heard = playing(3)
        secret = mesh.secretOf(1)
        mesh.seats[1].machine.stop()
        mesh.onward(300)
        seat = mesh.bringBack(1, secret)
        mesh.onward(300)
        settle(mesh)
        self.assertEqual(shared(seat).host, 2)
        self.assertEqual(shared(seat).state.participant(1).lost_at_ms, None)
        for player in (2, 3):
            self.assertEqual(heard[player].of("participantReturned"), [(1,)])
            self.assertEqual(heard[player].of("participantLeft"), [])
        assert seat.match is not None
        self.assertEqual(seat.match.players, (1, 2, 3))
        self.assertEqual(mesh.disagreement(), "")

    def test_graceOver(self) -> None:
        """Who does not come back leaves the log, and the link with it is closed."""
        mesh, heard = playing(3, grace=6.0)
        mesh.seats[3].machine.stop()
        mesh.network.advance(5.0)
        self.assertEqual(heard[1].of("participantLeft"), [])
        self.assertEqual(len(mesh.seats[1].match.statistics().links), 2)  # type: ignore[union-attr]
        mesh.network.advance(8.0)
        for player in (1, 2):
            left = heard[player].of("participantLeft")
            self.assertEqual(left, [(3, LeaveReason.GRACE_OVER)])
            match: Any = mesh.seats[player].match
            self.assertEqual(len(match.statistics().links), 1)

    def test_parted(self) -> None:
        """Who was cut off and dropped is back in the log and in play; its words come back."""
        mesh, heard = playing(4)
        mesh.cut(4)
        mesh.network.advance(6.0)
        dropped = shared(mesh.seats[4]).submit(Say("alone"))
        mesh.network.advance(2.0)
        self.successResultOf(dropped)
        mesh.network.heal()
        seat = mesh.seats[4]
        mesh.network.runUntil(
            lambda: len({shared(each).epoch for each in mesh.living}) == 1
            and seat.match is not None and seat.match.players == (1, 2, 3, 4),
            25.0,
        )
        settle(mesh)
        self.assertEqual(len(heard[4].of("eventDropped")), 1)
        for player in (1, 2, 3):
            self.assertEqual(heard[player].of("eventDropped"), [])
        mesh.onward(60)
        self.assertEqual(len(mesh.living), 4)


class ComingAndGoingTests(SynchronousTestCase):
    """Who leaves, is removed, and comes while the match is on."""

    def test_leave(self) -> None:
        """Who leaves the match leaves the log; nobody calls that lost."""
        mesh, heard = playing(4, profile=LOSSY)
        match = mesh.seats[4].match
        assert match is not None
        match.leave()
        mesh.network.runUntil(lambda: mesh.seats[4].over, 6.0)
        settle(mesh)
        for player in (1, 2, 3):
            self.assertEqual(heard[player].of("participantLeft"), [(4, LeaveReason.LEFT)])
            self.assertEqual(heard[player].of("participantLost"), [])
        mesh.onward(60)

    def test_hostLeaves(self) -> None:
        """The host leaves: the next one is host, and the activity goes on."""
        mesh, heard = playing(3)
        match = mesh.seats[1].match
        assert match is not None
        match.leave()
        mesh.network.runUntil(lambda: mesh.seats[1].over, 6.0)
        settle(mesh)
        for seat in mesh.living:
            self.assertEqual(shared(seat).host, 2)
            self.assertEqual(shared(seat).state.activity.name, "match")
            self.assertEqual(heard[seat.player].of("participantLost"), [])

    def test_late(self) -> None:
        """A late joiner reads the state, takes part by a command of its own, and plays."""
        mesh, heard = playing(3, capacity=4)
        seat = mesh.admit(4)
        listening = Listening()
        listening.attach(seat)
        mesh.onward(240)
        settle(mesh)
        self.assertGreaterEqual(len(listening.of("synced")), 1)
        self.assertEqual(listening.of("synced")[0][0].activity.name, "match")
        joined = heard[1].bodies(ParticipantJoined)
        self.assertEqual([body.player for body in joined], [4])
        self.assertEqual(shared(seat).state.activity.name, "match")
        assert seat.match is not None
        self.assertEqual(seat.match.players, (1, 2, 3, 4))

    def test_kicked(self) -> None:
        """Whom the host removes is out of log and play, and is told so by name."""
        mesh, heard = playing(3)
        with self.assertRaises(CommandRefused):
            mesh.network.runUntil(shared(mesh.seats[2]).submit(Kick(3)), 5.0)
        shared(mesh.seats[1]).submit(Kick(3))
        mesh.network.runUntil(lambda: mesh.seats[3].over, 10.0)
        self.assertIsInstance(mesh.seats[3].failure, MatchEnded)
        mesh.onward(120)
        self.assertEqual(heard[2].of("participantLeft"), [(3, LeaveReason.KICKED)])
        self.assertEqual([seat.match.players for seat in mesh.living], [(1, 2)] * 2)  # type: ignore[union-attr]


class LobbyTests(SynchronousTestCase):
    """The lobby follows the log's host, and is not needed."""

    def test_followed(self) -> None:
        """Hosts are reported: the lobby's role of host goes to who has it in the log."""
        party = Party(3, 3)
        party.play()
        party.until(60)
        party.seats[0].machine.stop()
        party.until(500, *party.seats[1:])
        for seat in party.seats[1:]:
            assert seat.session.match is not None
            self.assertEqual(seat.session.match.shared.host, 2)
            self.assertEqual(seat.session.view.members[0].name, "player 2")
        self.assertTrue(party.seats[1].session.is_host)

    def test_gone(self) -> None:
        """The lobby vanishes in the middle: commands and frames go on, hosts change."""
        party = Party(3, 3)
        party.play()
        party.until(60)
        party.servers.lobby_machine.stop()
        party.until(120)
        party.seats[0].machine.stop()
        match: Any = party.seats[2].session.match
        event = party.network.runUntil(match.shared.submit(Say("still here")), 15.0)
        self.assertEqual(event.body.text, "still here")
        party.until(500, *party.seats[1:])
        self.assertTrue(party.agree(*party.seats[1:]))

    def test_leavingWithoutIt(self) -> None:
        """Leaving the session without a lobby leaves the match all the same."""
        party = Party(3, 3)
        party.play()
        party.until(60)
        party.servers.lobby_machine.stop()
        party.network.advance(15.0)
        leaving = party.seats[2].session.leave()
        party.network.runUntil(leaving, 6.0)
        result = party.seats[2].result
        assert result is not None
        self.assertIs(result.outcome, Outcome.LEFT)
        party.until(1100, *party.seats[:2])

    def test_diedBeforePlay(self) -> None:
        """The host dies before play: called off, and the session can be played again."""
        party = Party(3, 3, start_timeout=3.0)
        party.play()
        party.network.advance(0.15)
        party.seats[0].machine.stop()
        party.network.runUntil(lambda: all(seat.over for seat in party.seats[1:]), 20.0)
        for seat in party.seats[1:]:
            self.assertIsNotNone(seat.failure)
        session = party.seats[1].session
        party.network.runUntil(lambda: session.view.state == OPEN, 30.0)
        self.assertTrue(session.is_host)
