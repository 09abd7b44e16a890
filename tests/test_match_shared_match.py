"""
Shared sessions in worlds: who comes, talks, is lost, returns and leaves, and who is host.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import (
    CommandRefused,
    MatchEnded,
    SendFailed,
)
from gamenet.match import rejoin
from gamenet.match.shared_match import SharedMatch
from gamenet.wire.log_commands import ChangeSetting, Delegate, Kick, Rename, Say, SendCustom
from gamenet.wire.log_events import Chat, Custom, HostDelegated
from gamenet.wire.log_values import LeaveReason, RefusalCode
from gamenet.world.link import LinkProfile
from tests.shared_party import SharedParty, SharingPlayer, SharingSeat

LOSSY = LinkProfile(latency=0.015, jitter=0.01, loss=0.05, reordering=0.03)


def said(seat: SharingSeat) -> list[str]:
    """Return what a player was told that was said, in order."""
    events = [event for (event,) in seat.protocol.told("eventApplied")]
    return [event.body.text for event in events if isinstance(event.body, Chat)]


class TogetherTests(SynchronousTestCase):
    """K2, K11: everybody reads the session, then joins it, and all know the same."""

    def test_readsThenJoins(self) -> None:
        """K2: a newcomer gets a snapshot without asking, reads it, and joins by a command."""
        party = SharedParty(2)
        first = party.seats[0]
        party.answer(first, ChangeSetting("map", "harbor"))
        late = party.arrive()
        (state,) = late.protocol.told("synced")[0]
        self.assertEqual(state.setting("map"), "harbor")
        self.assertIsNone(state.participant(3))
        party.settle()
        names = [each.name for each in first.shared.state.participants]  # type: ignore[union-attr]
        self.assertEqual(names, ["player 1", "player 2", "player 3"])
        self.assertEqual(late.shared.shared.statistics.snapshots_taken, 1)
        self.assertEqual(first.shared.state.name, "a party")  # type: ignore[union-attr]
        party.close()

    def test_fiveTalk(self) -> None:
        """
        Five behind routers of several kinds, with loss: each command is answered by its event,
        each event is told once and in order, and the digests agree.
        """
        party = SharedParty(5, seed=5, profile=LOSSY)
        answers: list[Any] = []
        for word in range(4):
            for seat in party.seats:
                seat.shared.submit(Say(f"{seat.place} {word}")).addCallback(answers.append)
                seat.shared.submit(SendCustom("move", b"\1\2")).addCallback(answers.append)
            party.network.advance(0.2)
        party.until(lambda: len(answers) == 40)
        party.settle()
        texts = said(party.seats[0])
        self.assertEqual(len(texts), 20)
        for seat in party.seats:
            self.assertEqual(said(seat), texts)
            numbers = [event.sequence for (event,) in seat.protocol.told("eventApplied")]
            self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))
            self.assertEqual(seat.shared.sequence, numbers[-1])
            self.assertEqual(seat.shared.connected_players, _others(5, seat.place))
            self.assertEqual(seat.protocol.told("statesDisagree"), [])
        self.assertEqual(sum(isinstance(event.body, Custom) for event in answers), 20)
        party.close()

    def test_relayOnly(self) -> None:
        """By the relay alone it is the same."""
        party = SharedParty(3, relay_only=True)
        party.answer(party.seats[2], Say("hello"))
        party.settle()
        self.assertEqual([said(seat) for seat in party.seats], [["hello"]] * 3)
        party.close()

    def test_refused(self) -> None:
        """A command is answered by a refusal with a name, at the host and at a guest."""
        party = SharedParty(2)
        for seat, command, code in (
            (party.seats[1], ChangeSetting("map", "harbor"), RefusalCode.NOT_HOST),
            (party.seats[1], Rename(" x "), RefusalCode.BAD_NAME),
            (party.seats[0], Kick(7), RefusalCode.NO_SUCH_PLAYER),
        ):
            with self.assertRaises(CommandRefused) as caught:
                party.answer(seat, command)
            self.assertIs(caught.exception.code, code)
        party.close()

    def test_fullSync(self) -> None:
        """K3, K8: a full sync on request, at the guest and at the host."""
        party = SharedParty(2)
        for seat in party.seats:
            before = len(seat.protocol.told("synced"))
            seat.shared.requestFullSync()
            party.until(lambda s=seat, b=before: len(s.protocol.told("synced")) == b + 1)
        party.close()

    def test_lateAfterTheLogBegins(self) -> None:
        """K3: a guest that missed more than the log holds takes a snapshot, and goes on."""
        party = SharedParty(2, log_capacity=8, batch=8)
        party.cut(2)
        party.network.advance(1.0)
        for number in range(20):
            party.seats[0].shared.submit(Say(f"{number}"))
        party.network.advance(0.5)
        party.network.heal()
        party.until(lambda: len(party.seats[1].protocol.told("synced")) == 2)
        party.settle()
        self.assertEqual(party.answer(party.seats[1], Say("here")).body.text, "here")
        party.close()


def _others(players: int, player: int) -> tuple[int, ...]:
    return tuple(other for other in range(1, players + 1) if other != player)


class HostTests(SynchronousTestCase):
    """K4: the role is handed over, or found by those who are left."""

    def test_delegated(self) -> None:
        """On request: the old host is a guest afterwards, and the lobby follows."""
        party = SharedParty(3)
        event = party.answer(party.seats[0], Delegate(3))
        self.assertEqual(event.body, HostDelegated(3))
        party.until(lambda: all(seat.shared.host == 3 for seat in party.seats))
        party.settle()
        self.assertEqual([seat.shared.is_host for seat in party.seats], [False, False, True])
        with self.assertRaises(CommandRefused):
            party.answer(party.seats[0], ChangeSetting("map", "harbor"))
        party.answer(party.seats[2], ChangeSetting("map", "harbor"))
        view = party.seats[1].session.view  # type: ignore[union-attr]
        self.assertEqual(view.members[0].name, "player 3")
        party.close()

    def test_killed(self) -> None:
        """
        The host's process is killed: a new one is there in seconds, without being asked, and
        commands that were on their way are answered by it.
        """
        for seed in (1, 2, 3):
            party = SharedParty(4, seed=seed, profile=LOSSY)
            party.seats[0].machine.stop()
            answers: list[Any] = []
            for seat in party.living:
                seat.shared.submit(Say(f"{seat.place}")).addCallback(answers.append)
            began = party.network.clock.now
            party.until(lambda answers=answers: len(answers) == 3)
            self.assertLess(party.network.clock.now - began, 10.0)
            party.settle()
            self.assertEqual({seat.shared.host for seat in party.living}, {2})
            for seat in party.living:
                self.assertEqual(seat.protocol.told("hostChanged")[-1][0], 2)
                self.assertEqual(seat.protocol.told("participantLost"), [(1,)])
                self.assertEqual(sorted(said(seat)), ["2", "3", "4"])
            view = party.seats[1].session.view  # type: ignore[union-attr]
            self.assertEqual(view.members[0].name, "player 2")
            party.close()

    def test_lobbyKilled(self) -> None:
        """The lobby may vanish: the session goes on, also without its host."""
        party = SharedParty(3)
        party.stopLobby()
        party.network.advance(15.0)
        self.assertEqual(party.answer(party.seats[1], Say("still")).body.text, "still")
        party.seats[0].machine.stop()
        self.assertEqual(party.answer(party.seats[2], Say("here")).body.text, "here")
        party.settle()
        self.assertEqual(len(party.living), 2)
        party.close()

    def test_parted(self) -> None:
        """
        Both halves of a partition go on; when it heals the one with more participants
        stands, and each event of the other comes back to its sender once.
        """
        party = SharedParty(5)
        party.cut(1, 2)
        party.until(lambda: party.seats[3].shared.host == 3 == party.seats[2].shared.host)
        party.network.advance(3.0)
        lost = [party.answer(seat, Say(f"lost {seat.place}")) for seat in party.seats[:2]]
        kept = [party.answer(seat, Say(f"kept {seat.place}")) for seat in party.seats[2:]]
        self.assertEqual(party.seats[1].shared.host, 1)
        party.network.heal()
        party.until(lambda: len({shared.epoch for shared in _shared(party)}) == 1, 40.0)
        party.settle()
        for seat, event in zip(party.seats, lost, strict=False):
            self.assertEqual(seat.protocol.told("eventDropped"), [(event,)])
        for seat in party.seats[2:]:
            self.assertEqual(seat.protocol.told("eventDropped"), [])
            texts = said(seat)
            self.assertEqual([text for text in texts if text[:4] == "kept"],
                             [event.body.text for event in kept])
            self.assertFalse([text for text in texts if text[:4] == "lost"])
        self.assertEqual({seat.shared.host for seat in party.seats}, {3})
        self.assertEqual(party.answer(party.seats[0], Say("again")).body.text, "again")
        party.settle()
        self.assertEqual(len(party.living), 5)
        party.close()


def _shared(party: SharedParty) -> list[Any]:
    return [seat.shared.shared for seat in party.living]


class ComingAndGoingTests(SynchronousTestCase):
    """K5: grace, returning, leaving, and coming back."""

    def test_leave(self) -> None:
        """Who leaves says so: the others know at once, and its link is closed."""
        party = SharedParty(3)
        leaving = party.seats[2].shared.leave()
        party.network.runUntil(leaving, 2.0)
        party.settle()
        self.assertEqual(party.seats[2].ended, [None])
        for seat in party.seats[:2]:
            self.assertEqual(seat.protocol.told("participantLeft"), [(3, LeaveReason.LEFT)])
            self.assertEqual(seat.protocol.told("participantLost"), [])
        party.network.advance(2.0)
        for seat in party.seats[:2]:
            self.assertEqual(seat.shared.connected_players, _others(2, seat.place))
        with self.assertRaises(SendFailed):
            party.answer(party.seats[2], Say("too late"))
        party.close()

    def test_hostLeaves(self) -> None:
        """The host leaves: another is host at once, without a wait for silence."""
        party = SharedParty(3)
        party.network.runUntil(party.seats[0].shared.leave(), 2.0)
        began = party.network.clock.now
        party.until(lambda: {seat.shared.host for seat in party.living} == {2}, 5.0)
        self.assertLess(party.network.clock.now - began, 1.0)
        party.settle()
        party.answer(party.seats[2], Say("on"))
        party.close()

    def test_grace(self) -> None:
        """Who is killed keeps its seat for the grace, and not longer."""
        party = SharedParty(3, grace=8.0)
        party.seats[2].machine.stop()
        party.network.advance(7.0)
        for seat in party.living:
            self.assertEqual(seat.protocol.told("participantLost"), [(3,)])
            self.assertEqual(seat.protocol.told("participantLeft"), [])
        party.network.advance(7.0)
        for seat in party.living:
            self.assertEqual(
                seat.protocol.told("participantLeft"), [(3, LeaveReason.GRACE_OVER)]
            )
            self.assertEqual(seat.shared.connected_players, _others(2, seat.place))
        party.close()

    def test_returned(self) -> None:
        """A killed process comes back by its resume secret, with the lobby dead, as itself."""
        party = SharedParty(3)
        seat = party.seats[0]
        secret = seat.shared.resumeSecret()
        party.answer(seat, Say("before"))
        party.stopLobby()
        seat.machine.stop()
        party.network.advance(6.0)
        machine = party.network.machine("m1", "192.168.1.2", "r1", party.profile)
        session = party.network.runUntil(rejoin(machine, secret), 5.0)
        protocol = SharingPlayer()
        match = party.network.runUntil(session.share(protocol, party.settings), 20.0)
        assert isinstance(match, SharedMatch)
        self.assertEqual(match.player, 1)
        party.until(lambda: match.state.participant(1).lost_at_ms is None)
        self.assertEqual(match.host, 2)
        event = party.network.runUntil(match.submit(Say("after")), 10.0)
        party.settle()
        for other in party.living:
            self.assertEqual(other.protocol.told("participantReturned"), [(1,)])
            self.assertEqual(said(other), ["before", "after"])
            self.assertEqual(other.shared.state.digest(), match.state.digest())
        self.assertEqual(event.body.text, "after")
        session.leave()
        party.close()

    def test_returnedRelayOnly(self) -> None:
        """Who is reached by the relay alone comes back like that, without any other address."""
        party = SharedParty(2, relay_only=True)
        secret = party.seats[1].shared.resumeSecret()
        party.seats[1].machine.stop()
        party.network.advance(6.0)
        machine = party.network.machine("m2", "192.168.2.2", "r2", party.profile)
        session = party.network.runUntil(rejoin(machine, secret), 5.0)
        match = party.network.runUntil(session.share(SharingPlayer(), party.settings), 20.0)
        party.network.runUntil(match.submit(Say("back")), 10.0)
        members = {each.player: each for each in party.seats[0].shared._mesh.members}
        self.assertEqual({each.kind for each in members[2].candidates}, {"relayed"})
        links = match._mesh.report()
        self.assertEqual([link.kind for link in links.values()], ["relay"])
        session.leave()
        party.close()

    def test_comesBackToItsSeat(self) -> None:
        """
        No (key, counter) pair is ever used twice: who leaves and sits down in the same match
        by the same number has another key, and its links work.
        """
        party = SharedParty(2, capacity=2)
        for _ in range(3):
            seat = party.seats[1]
            assert seat.session is not None
            party.network.runUntil(seat.session.leave(), 5.0)
            party.network.advance(0.2)
            seat.match = None
            party.sitDown(seat)
            party.share(seat)
            self.assertEqual(seat.shared.player, 2)
            party.until(lambda seat=seat: seat.shared.shared.is_participant)
            party.answer(seat, Say("back"))
            party.answer(party.seats[0], Say("welcome"))
            party.network.advance(2.5)
            self.assertEqual(seat.shared.connected_players, (1,))
        party.settle()
        self.assertEqual(said(party.seats[0]), ["back", "welcome"] * 3)
        party.close()

    def test_kicked(self) -> None:
        """Whom the host removes is told so by name."""
        party = SharedParty(2)
        party.answer(party.seats[0], Kick(2))
        party.until(lambda: bool(party.seats[1].ended), 5.0)
        self.assertIsInstance(party.seats[1].ended[0], MatchEnded)
        party.close()

    def test_hostAlone(self) -> None:
        """One who is alone talks to nobody, and is answered."""
        party = SharedParty(1)
        self.assertEqual(party.answer(party.seats[0], Say("hello")).sequence, 1)
        party.close()
