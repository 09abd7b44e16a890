"""
Whole matches in which somebody comes late whom not everybody is told of by a lobby.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gamenet.mesh.resume_secret import decodeResumeSecret
from tests.many_players import ManyPlayers, MeshSeat


class LateTests(SynchronousTestCase):
    """A match of four seats is begun by three; the fourth comes late and plays with all."""

    def begin(self, seed: int) -> ManyPlayers:
        """Have three play."""
        mesh = self.mesh = ManyPlayers(3, seed, capacity=4, lost_after=1.5)
        mesh.play()
        mesh.until(60)
        self.first = {player: seat.keys for player, seat in mesh.seats.items()}
        return mesh

    def join(self, *offline: int) -> MeshSeat:
        """Have the fourth come, with the keys in its ticket that the lobby was told first."""
        mesh = self.mesh
        late = mesh.sitDown(4)
        for other in mesh.living:
            if other is not late and other.player not in offline:
                assert other.match is not None
                other.match.memberJoined(late.member)
        newest = {player: mesh.seats[player].keys for player in self.first}
        for player, keys in self.first.items():
            mesh.seats[player].keys = keys
        mesh.play(4, late=True)
        for player, keys in newest.items():
            mesh.seats[player].keys = keys
        return late

    def assertPlays(self, late: MeshSeat) -> None:
        """The newcomer plays, and everybody's frames are the same."""
        mesh = self.mesh
        mesh.network.runUntil(lambda: late.protocol.told("seatTaken"), 15.0)
        ((frame,),) = late.protocol.told("seatTaken")
        mesh.until(frame + 90)
        self.assertEqual(mesh.disagreement(), "")
        for seat in mesh.living:
            assert seat.match is not None
            self.assertEqual(seat.match.players, (1, 2, 3, 4))
            self.assertEqual([each.player for each in seat.match.members], [1, 2, 3, 4])

    def test_lobbyLost(self) -> None:
        """N8: whoever has lost the lobby, be it the host, plays with the newcomer all the same."""
        for offline in ((3,), (1,), (1, 2)):
            self.begin(sum(offline))
            self.assertPlays(self.join(*offline))

    def test_returned(self) -> None:
        """A member that has crashed and returned plays with who came late after that."""
        for player in (1, 2):
            mesh = self.begin(10 + player)
            secret = mesh.secretOf(player)
            mesh.seats[player].machine.stop()
            mesh.network.advance(3.0)
            back = mesh.bringBack(player, secret)
            mesh.network.runUntil(
                lambda back=back: back.protocol.told("seatTaken"), 20.0  # type: ignore[misc]
            )
            mesh.onward(60)
            self.assertPlays(self.join(player))

    def test_secret(self) -> None:
        """A secret that is made afterwards has the newcomer in it."""
        mesh = self.begin(20)
        self.assertPlays(self.join(2))
        members = decodeResumeSecret(mesh.secretOf(2)).ticket.members
        self.assertEqual([member.player for member in members], [1, 2, 3, 4])
