"""
Several players at one machine, from the lobby on: sit down, play, come late, come back.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting, RequestRefused
from gamenet.match import Outcome, SignatureState
from gamenet.wire.lobby_messages import RefusalCode
from tests.scenes import Seat
from tests.test_match_parties import Party


def told(seat: Seat, what: str) -> list[Any]:
    """Return what somebody was told of that name."""
    protocol: Any = seat.protocol
    events: list[Any] = protocol.told(what)
    return events


class CouchTests(SynchronousTestCase):
    """Several local players per peer, through the lobby and the match."""

    def test_toTheEnd(self) -> None:
        """2 + 1 + 2: the minimum is of players; all play, and every member signs."""
        party = Party(3, 5, several=(2, 1, 2), frames=200)
        self.assertEqual([seat.session.view.seated for seat in party.seats][-1], 5)
        party.play()
        party.network.runUntil(lambda: all(seat.over for seat in party.seats), 30.0)
        self.assertTrue(party.agree())
        asked: Any = [seat.protocol for seat in party.seats]
        self.assertEqual([sorted(each.asked) for each in asked], [[1, 2], [3], [4, 5]])
        for seat in party.seats:
            assert seat.result is not None, seat.failure
            self.assertEqual(seat.result.outcome, Outcome.FINISHED)
            signatures = [(each.player, each.state) for each in seat.result.signatures]
            given = SignatureState.GIVEN
            self.assertEqual(signatures, [(1, given), (3, given), (4, given)])
        party.network.advance(1.0)
        self.assertEqual(party.seats[1].session.view.state, "open")

    def test_late(self) -> None:
        """A machine of two comes late, is dropped when it dies, and its numbers are the same."""
        party = Party(2, 4, several=(1, 1))
        party.play()
        party.until(60)
        late = party.arrive()
        late.join(party.seats[0].session.session_id, 2)
        late.play(party.settings)
        party.network.runUntil(lambda: told(late, "seatTaken"), 15.0)
        ((frame,),) = told(late, "seatTaken")
        party.until(frame + 60)
        self.assertTrue(party.agree())
        for seat in party.seats[:2]:
            self.assertEqual(told(seat, "playerJoined"), [(3, frame), (4, frame)])
            match: Any = seat.session.match
            self.assertEqual((len(match.members), match.players), (3, (1, 2, 3, 4)))
        late.machine.stop()
        party.network.advance(6.0)
        dropped = [told(seat, "playerDropped") for seat in party.seats[:2]]
        self.assertEqual([player for player, _ in dropped[0]], [3, 4])
        self.assertEqual(dropped[0], dropped[1])

    def test_refused(self) -> None:
        """Bad input: what cannot be is refused before the lobby is asked, or by it, by name."""
        party = Party(1, 3, several=(2,))
        guest = party.arrive()
        session_id = party.seats[0].session.session_id
        for players in (0, 5, True, -1):
            self.failureResultOf(guest.player.joinSession(session_id, players), BadSetting)
            creating = guest.player.createSession("x", 8, 1, players)
            self.failureResultOf(creating, BadSetting)
        joining = guest.player.joinSession(session_id, 2)
        error = self.assertRaises(RequestRefused, party.network.runUntil, joining, 5.0)
        self.assertEqual(error.code, RefusalCode.SESSION_FULL)
        self.assertIn("no 2 free seats", str(error))
        guest.join(session_id)
        self.assertEqual(guest.session.view.seated, 3)

    def test_olderLobby(self) -> None:
        """A lobby of version 1 is not asked what it does not know."""
        party = Party(1, 2)
        guest = party.arrive()
        guest.player.lobby.version = 1
        error = self.failureResultOf(guest.player.joinSession("0" * 16, 2), RequestRefused).value
        self.assertEqual(error.code, RefusalCode.UNSUPPORTED_VERSION)
        guest.join(party.seats[0].session.session_id)
