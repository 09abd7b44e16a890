"""
Several players who meet in a lobby and play together; who comes late, and who comes back
with the lobby dead.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, MatchEnded
from gamenet.match import MatchSettings, Outcome, SignatureState, rejoin
from gamenet.match.player import SEATS_LIMIT
from gamenet.mesh.resume_secret import BadResumeSecret
from gamenet.world.link import LinkProfile
from gamenet.world.nat_behavior import FULL_CONE, PORT_RESTRICTED, PORT_SENSITIVE_RANDOM
from gamenet.world.network import WorldNetwork
from tests.many_players import MeshPlayer
from tests.scenes import HashGame, Seat, Servers

KINDS = (PORT_RESTRICTED, FULL_CONE, None, PORT_SENSITIVE_RANDOM)


class Party:
    """Players behind routers of several kinds, a lobby and a relay."""

    def __init__(
        self,
        players: int,
        capacity: int,
        seed: int = 1,
        hidden: int = 0,
        several: tuple[int, ...] = (),
        **settings: Any,
    ) -> None:
        """
        @param players: How many machines there are.
        @param hidden: The player who is reached by the relay alone, 0 for none.
        @param several: How many play at each machine, one at those not named.
        """
        counts = (*several, *(1 for _ in range(players - len(several))))
        self.hidden = hidden
        self.network = WorldNetwork(seed)
        self.profile = LinkProfile(latency=0.01)
        self.servers = Servers(self.network, self.profile)
        self.settings = MatchSettings(**{"lost_after": 2.0, "plays_alone": True} | settings)
        self.capacity = capacity
        self.seats: list[Seat] = []
        for count in counts:
            seat = self.arrive()
            if len(self.seats) == 1:
                creating = seat.player.createSession("a party", capacity, sum(counts), count)
                seat.session = self.network.runUntil(creating, 10.0)
            else:
                seat.join(self.seats[0].session.session_id, count)

    def arrive(self) -> Seat:
        """One more player connects to the lobby."""
        place = len(self.seats)
        kind = KINDS[place % len(KINDS)]
        outside = f"198.51.{100 + place}.1"
        if kind is None:
            machine = self.network.machine(f"m{place}", outside, profile=self.profile)
        else:
            nat = self.network.nat(f"r{place}", outside, kind, profile=self.profile)
            machine = self.network.machine(f"m{place}", f"192.168.{place}.2", behind=nat)
        hides = place + 1 == self.hidden
        seat = Seat(self.network, machine, f"player {place + 1}", relay_only=hides)
        seat.protocol = MeshPlayer(self.network, place + 1)  # type: ignore[assignment]
        seat.game = HashGame(self.capacity)
        seat.connect()
        self.seats.append(seat)
        return seat

    def play(self) -> None:
        """All play."""
        for seat in self.seats:
            seat.play(self.settings)

    def frames(self, seat: Seat) -> dict[int, Any]:
        """Return what a player has confirmed."""
        frames: dict[int, Any] = seat.protocol.frames  # type: ignore[attr-defined]
        return frames

    def until(self, frame: int, *seats: Seat, limit: float = 30.0) -> None:
        """Let time pass until these, or all, have confirmed a frame."""
        chosen = seats or tuple(self.seats)
        self.network.runUntil(
            lambda: all(max(self.frames(seat), default=-1) >= frame for seat in chosen), limit
        )

    def agree(self, *seats: Seat) -> bool:
        """Whether all frames that any two of these confirmed are the same."""
        known: dict[int, Any] = {}
        return all(
            known.setdefault(frame, row) == row or None in (known[frame][1], row[1])
            for seat in seats or self.seats
            for frame, row in self.frames(seat).items()
        )


class PartyTests(SynchronousTestCase):
    """SEATS_LIMIT is 16: several players through the lobby."""

    def test_four(self) -> None:
        """Direct where that works, by the relay where it does not; all sign the result."""
        party = Party(4, 4, frames=200)
        party.play()
        party.network.runUntil(lambda: all(seat.over for seat in party.seats), 30.0)
        self.assertTrue(party.agree())
        for seat in party.seats:
            assert seat.result is not None, seat.failure
            self.assertEqual(seat.result.outcome, Outcome.FINISHED)
            kinds = {link.kind for link in seat.result.statistics.links}
            self.assertLessEqual(kinds, {"direct", "relay"})
            states = {each.state for each in seat.result.signatures}
            self.assertEqual(states, {SignatureState.GIVEN})
        party.network.advance(1.0)
        self.assertEqual(party.seats[1].session.view.state, "open")

    def test_tooManySeats(self) -> None:
        """More seats than can be played are refused by name, before the lobby is asked."""
        party = Party(1, 2)
        asking = party.seats[0].player.createSession("x", capacity=SEATS_LIMIT + 1)
        self.failureResultOf(asking, BadSetting)

    def test_aFourthComesLate(self) -> None:
        """A session of four seats, begun by three; the fourth joins while the match runs."""
        party = Party(3, 4)
        party.play()
        party.until(60)
        late = party.arrive()
        late.join(party.seats[0].session.session_id)
        late.play(party.settings)
        told = late.protocol.told  # type: ignore[attr-defined]
        party.network.runUntil(lambda: told("seatTaken"), 15.0)
        ((frame,),) = told("seatTaken")
        party.until(frame + 60)
        self.assertTrue(party.agree())
        for seat in party.seats[:3]:
            joined = seat.protocol.told("playerJoined")  # type: ignore[attr-defined]
            self.assertEqual(joined, [(4, frame)])
            assert seat.session.match is not None
            self.assertEqual(len(seat.session.match.members), 4)

    def test_theSameTicketTwice(self) -> None:
        """Bad input: no (key, counter) pair is ever used twice, whatever a lobby sends again."""
        party = Party(2, 2, frames=60)
        tickets: list[Any] = []
        guest = party.seats[1]
        received = guest.session.ticketReceived
        guest.session.ticketReceived = (  # type: ignore[method-assign]
            lambda ticket: (tickets.append(ticket), received(ticket))[1]
        )
        party.play()
        party.network.runUntil(lambda: all(seat.over for seat in party.seats), 30.0)
        guest.player.matchStarting(tickets[0])
        self.assertIsNone(guest.session._ticket)

    def test_leavingTheMatchReturnsToTheSession(self) -> None:
        """Who leaves the match is in the session still; the others play on."""
        party = Party(3, 3)
        party.play()
        party.until(60)
        parted = party.seats[1].session.leaveMatch()
        party.network.runUntil(parted, 5.0)
        self.assertIsNone(party.seats[1].session.ended)
        self.assertEqual(len(party.seats[1].session.view.members), 3)
        party.until(300, party.seats[0], party.seats[2])
        self.assertTrue(party.agree())


class ReturnTests(SynchronousTestCase):
    """A returned process gets its resume secret, and no lobby."""

    def _back(self, party: Party, gone: int) -> Seat:
        """Kill a player and the lobby; bring the player back in a new process."""
        old = party.seats[gone]
        assert old.session.match is not None
        secret = old.session.match.resumeSecret()
        old.machine.stop()
        party.servers.lobby_machine.stop()
        party.network.advance(4.0)
        place = party.network.machines[old.machine.name]
        machine = party.network.machine(
            old.machine.name,
            place.address,
            behind=f"r{gone}" if KINDS[gone] is not None else None,
            profile=LinkProfile() if KINDS[gone] is not None else party.profile,
        )
        back = Seat(party.network, machine, old.name)
        back.protocol = MeshPlayer(party.network, gone + 1)  # type: ignore[assignment]
        back.game = HashGame(party.capacity)
        back.session = party.network.runUntil(rejoin(machine, secret), 1.0)
        back.play(party.settings)
        return back

    def test_either(self) -> None:
        """Of two, the host or the guest; of three, the one who is only reached by the relay."""
        for players, gone in ((2, 0), (2, 1), (4, 3)):
            party = Party(players, players)
            party.play()
            party.until(90)
            others = [seat for seat in party.seats if seat is not party.seats[gone]]
            back = self._back(party, gone)
            told = back.protocol.told  # type: ignore[attr-defined]
            party.network.runUntil(lambda told=told: told("seatTaken"), 15.0)
            ((frame,),) = told("seatTaken")
            party.until(frame + 60, back, *others)
            self.assertTrue(party.agree(back, *others))
            session: Any = back.session
            party.network.runUntil(session.leave(), 5.0)
            party.network.advance(1.0)
            self.assertEqual(back.machine._sockets, {})
            assert back.result is not None
            self.assertEqual(back.result.outcome, Outcome.LEFT)
            again = session.play(HashGame(), MeshPlayer(party.network, 1))
            self.failureResultOf(again, MatchEnded)

    def test_relayOnly(self) -> None:
        """Privacy: who offered nobody an own address before does not when it comes back."""
        party = Party(2, 2, hidden=2)
        party.play()
        party.until(60)
        back = self._back(party, 1)
        told = back.protocol.told  # type: ignore[attr-defined]
        party.network.runUntil(lambda: told("seatTaken"), 15.0)
        match = party.seats[0].session.match
        assert match is not None and back.session.match is not None
        peer = match._peers[2]
        self.assertEqual({candidate.kind for candidate in peer.candidates}, {"relayed"})
        statistics = back.session.match.statistics()
        self.assertEqual((statistics.path, statistics.packets_direct), ("relay", 0))

    def test_badSecrets(self) -> None:
        """Bad input: what is no resume secret is refused by name, and opens nothing."""
        network = WorldNetwork(1)
        machine = network.machine("m", "198.51.100.1")
        for bad in (b"", b"x" * 400):
            self.failureResultOf(rejoin(machine, bad), BadResumeSecret)
        self.assertEqual(machine._sockets, {})

    def test_nobodyThere(self) -> None:
        """Whoever finds nobody of its match gives up by name, and nothing is left open."""
        party = Party(2, 2, start_timeout=2.0)
        party.play()
        party.until(30)
        party.seats[0].machine.stop()
        back = self._back(party, 1)
        party.network.advance(3.0)
        self.assertIn("could be reached within 2 s", str(back.failure))
        self.assertEqual(back.machine._sockets, {})

    def test_leavingBeforePlay(self) -> None:
        """A session that is left before play is closed at once."""
        party = Party(2, 2)
        party.play()
        party.until(30)
        match = party.seats[0].session.match
        assert match is not None
        machine = party.network.machine("another", "198.51.99.9")
        session = party.network.runUntil(rejoin(machine, match.resumeSecret()), 1.0)
        self.assertIsNone(self.successResultOf(session.leave()))
        party.network.advance(1.0)
        self.assertEqual(machine._sockets, {})
