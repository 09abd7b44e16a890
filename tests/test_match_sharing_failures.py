"""How sharing a session fails, by name; and who takes part when."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import (
    CommandRefused,
    IdentityTimeout,
    MomentFailed,
    PeerTimeout,
    SyncTimeout,
)
from gamenet.wire.log_commands import Join, Say
from tests.shared_party import SharedParty


class FailureTests(SynchronousTestCase):
    """K9: named errors and time limits, each saying what to check."""

    def test_identity(self) -> None:
        """The session's host never starts: 5 s."""
        party = SharedParty(0)
        host, guest = party.connect(), party.connect()
        party.sitDown(host)
        party.sitDown(guest)
        began = party.network.clock.now
        party.share(guest)
        self.assertIsInstance(guest.failure, IdentityTimeout)
        self.assertIn("check", str(guest.failure))
        self.assertAlmostEqual(party.network.clock.now - began, 5.0, delta=0.1)
        party.share(host)
        party.until(lambda: host.match is not None)
        party.close()

    def test_peer(self) -> None:
        """Nobody is reached: 10 s; and the seat can be tried again."""
        party = SharedParty(1)
        guest = party.connect()
        party.sitDown(guest)
        party.seats[0].machine.stop()
        began = party.network.clock.now
        party.share(guest)
        self.assertIsInstance(guest.failure, PeerTimeout)
        self.assertIn("check", str(guest.failure))
        self.assertAlmostEqual(party.network.clock.now - began, 10.0, delta=0.5)
        party.close()

    def test_sync(self) -> None:
        """Somebody is reached, who never says a word of the session: 10 s."""
        party = SharedParty(1)
        guest = party.connect()
        party.sitDown(guest)
        mute = party.seats[0].shared.shared
        self.patch(mute, "_send", lambda: None)
        began = party.network.clock.now
        party.share(guest)
        self.assertIsInstance(guest.failure, SyncTimeout)
        self.assertIn("check", str(guest.failure))
        self.assertLess(abs(party.network.clock.now - began - 10.0), 2.0)
        party.close()

    def test_moments(self) -> None:
        """A moment that raises ends the session for that player alone, by name."""
        party = SharedParty(2)
        party.seats[1].protocol.raises = "eventApplied"
        party.answer(party.seats[0], Say("boo"))
        party.until(lambda: bool(party.seats[1].ended), 5.0)
        (error,) = party.seats[1].ended
        assert isinstance(error, MomentFailed)
        self.assertEqual(error.moment, "eventApplied")
        self.assertEqual(len(self.flushLoggedErrors(MomentFailed)), 1)
        party.answer(party.seats[0], Say("on"))
        self.assertEqual(len(party.living), 1)
        party.close()

    def test_cancelled(self) -> None:
        """Whoever does not want to wait any more leaves nothing behind."""
        party = SharedParty(1)
        guest = party.connect()
        party.sitDown(guest)
        assert guest.session is not None
        sharing = guest.session.share(guest.protocol)
        sharing.addErrback(lambda failure: setattr(guest, "failure", failure.value))
        party.network.advance(0.01)
        sharing.cancel()
        party.network.advance(1.0)
        self.assertIsNotNone(guest.failure)
        self.assertIsNone(guest.session.match)
        party.close()


class ReadingTests(SynchronousTestCase):
    """Who has read the session and not taken part in it yet."""

    def test_ownCommand(self) -> None:
        """
        K2: unless told to, nobody takes part by itself: a newcomer reads the session, is
        refused what participants do, and joins by a command of its own.
        """
        party = SharedParty(2)
        first = party.seats[0]
        party.settings = attrs.evolve(party.settings, joins=False)
        late = party.arrive()
        party.network.advance(5.0)
        state = late.shared.state
        self.assertIsNotNone(state)
        self.assertIsNone(state.participant(3))  # type: ignore[union-attr]
        self.failureResultOf(self.settled(party, late.shared.submit(Say("hello"))), CommandRefused)
        joined = self.settled(party, late.shared.submit(Join("Grace")))
        self.assertEqual(self.successResultOf(joined).body.name, "Grace")
        party.settle()
        for seat in (first, late):
            participant = seat.shared.state.participant(3)  # type: ignore[union-attr]
            self.assertEqual(participant.name, "Grace")  # type: ignore[union-attr]
        party.close()

    def settled(self, party: SharedParty, asked: Deferred[Any]) -> Deferred[Any]:
        """Wait until a command was answered."""
        party.network.advance(5.0)
        return asked
