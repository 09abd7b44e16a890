"""
Tests for L{gamenet.demo.recorder}.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gamenet.demo.arena import Arena
from gamenet.demo.corrupted_arena import CorruptedArena
from gamenet.demo.recorder import RecordedSimulation, ScriptedPlayer
from gamenet.demo.script import PlayerScript, playerSecret
from gamenet.interfaces import IPeerProtocol, ISeededSimulation

__all__ = ["RecordedSimulationTests", "ScriptedPlayerTests"]

NOTHING = (b"", b"")


class FakeMatch:
    """A match that has come to some frame."""

    frame = 7
    path = "relay"

    def statistics(self) -> object:
        """Return what a match has cost so far."""
        return SimpleNamespace(frame=self.frame, path=self.path, round_trip=0.08, rollbacks=3)

    def resumeSecret(self) -> bytes:
        """Return what a new process needs to take our place."""
        return b"\x5e\xc7\xe7"


class RecordedSimulationTests(SynchronousTestCase):
    """The arena that writes down how far it goes back."""

    def test_depths(self) -> None:
        """Each time the game goes back the number of frames is told; going nowhere is not."""
        depths: list[int] = []
        arena = Arena(2)
        recorded = RecordedSimulation(arena, arena, depths.append)
        verifyObject(ISeededSimulation, recorded)
        recorded.begin(5)
        snapshots = []
        for _ in range(10):
            snapshots.append(recorded.save())
            recorded.advance(NOTHING)
        recorded.load(recorded.save())
        recorded.load(snapshots[6])
        self.assertEqual(depths, [4])
        recorded.advance(NOTHING)
        recorded.load(snapshots[0])
        self.assertEqual(depths, [4, 7])

    def test_takenOver(self) -> None:
        """A state ahead of all that was played here came from another; its bytes are counted."""
        other = Arena(2)
        for _ in range(9):
            other.advance(NOTHING)
        arena, depths = Arena(2), []
        recorded = RecordedSimulation(arena, arena, depths.append)
        recorded.load(other.save())
        self.assertEqual((recorded.bytes_taken_over, arena.frame), (len(other.save()), 9))
        own = recorded.save()
        recorded.advance(NOTHING)
        recorded.load(own)
        self.assertEqual((recorded.bytes_taken_over, depths), (len(own), [1]))

    def test_sameGame(self) -> None:
        """Being recorded changes nothing about the game, sound or spoiled."""
        plain, arena = Arena(2), Arena(2)
        recorded = RecordedSimulation(arena, CorruptedArena(arena, 5), lambda depth: None)
        plain.begin(9)
        recorded.begin(9)
        for frame in range(8):
            self.assertEqual(plain.save() == recorded.save(), frame <= 5, frame)
            plain.advance(NOTHING)
            recorded.advance(NOTHING)


class ScriptedPlayerTests(SynchronousTestCase):
    """The player that reports."""

    def setUp(self) -> None:
        """Prepare a player."""
        self.clock = Clock()
        self.reports: list[dict[str, Any]] = []
        self.script = PlayerScript(playerSecret(1, 1))
        self.player = ScriptedPlayer(self.clock, self.script, self.reports.append)

    def test_interface(self) -> None:
        """It has every moment that a match calls."""
        verifyObject(IPeerProtocol, self.player)

    def test_script(self) -> None:
        """It presses what the script says, once per frame."""
        same = PlayerScript(playerSecret(1, 1))
        for frame in range(100):
            self.assertEqual(self.player.localInput(1, frame), same.nextInput())

    def test_samples(self) -> None:
        """
        Ten times a second all checksums and rollbacks since the last time are
        reported, none twice and none left out, and the rest at the end.
        """
        self.player.pathChanged(2, "relay", ("127.0.0.1", 5))
        self.clock.advance(5)
        self.player.matchStarted(FakeMatch())
        self.assertEqual([one["event"] for one in self.reports], ["started", "path"])
        self.assertEqual(self.reports[1], {"event": "path", "time": 0.0, "kind": "relay"})
        for frame in range(63):
            self.clock.advance(1 / 60)
            self.player.frameConfirmed(frame, NOTHING, 1000 + frame)
            if frame % 20 == 10:
                self.player.wentBack(3)
            self.player.frameReady(Arena(2), 0.0)
        self.player.matchEnded(None)
        samples = [one for one in self.reports if one["event"] == "sample"]
        self.assertTrue(10 <= len(samples) <= 12, len(samples))
        self.assertEqual(
            [checksum for one in samples for checksum in one["checksums"]],
            list(range(1000, 1063)),
        )
        self.assertEqual(
            [one["first"] for one in samples],
            [sum(len(b["checksums"]) for b in samples[:at]) for at in range(len(samples))],
        )
        depths = [depth for one in samples for depth in one["depths"]]
        self.assertEqual([depth for _, depth in depths], [3, 3, 3])
        self.assertEqual([round(time, 2) for time, _ in depths], [0.18, 0.52, 0.85])
        self.assertEqual(samples[3]["rtt"], 0.08)

    def test_changes(self) -> None:
        """A change of path and a difference that the players notice are told at once."""
        self.player.matchStarted(FakeMatch())
        self.clock.advance(1.25)
        self.player.pathChanged(2, "direct", ("127.0.0.1", 5))
        self.player.desynchronized(229, 1, 2, 2)
        self.assertEqual(
            self.reports[-2:],
            [
                {"event": "path", "time": 1.25, "kind": "direct"},
                {"event": "desynchronized", "frame": 229},
            ],
        )

    def test_others(self) -> None:
        """Who was dropped, who is back and who is host is told at once, with the frame."""
        self.player.matchStarted(FakeMatch())
        self.clock.advance(1.5)
        self.player.playerDropped(1, 206)
        self.player.hostChanged(2, 7)
        self.player.playerJoined(1, 360)
        self.assertEqual(
            self.reports[2:],
            [
                {"event": "dropped", "time": 1.5, "player": 1, "frame": 206},
                {"event": "path", "time": 1.5, "kind": "none"},
                {"event": "host", "player": 2, "epoch": 7},
                {"event": "joined", "time": 1.5, "player": 1, "frame": 360},
            ],
        )

    def test_resumeSecret(self) -> None:
        """The resume secret is told as soon as play begins, by whom it is asked of alone."""
        self.player.matchStarted(FakeMatch())
        self.assertNotIn("resume", [one["event"] for one in self.reports])
        self.player.resumable = True
        self.player.matchStarted(FakeMatch())
        self.assertEqual(self.reports[-2], {"event": "resume", "secret": "5ec7e7"})

    def test_comesBack(self) -> None:
        """
        On the way to a seat the frames may begin anywhere and leave some out; all of those
        before the seat are told before it, with the bytes of the state that came.
        """
        self.player.stateBytes = lambda: 412
        self.player.matchStarted(FakeMatch())
        for frame, checksum in ((300, None), (301, 11), (320, None), (321, None)):
            self.player.frameConfirmed(frame, NOTHING, checksum)
        self.player.seatTaken(322)
        self.player.frameConfirmed(322, NOTHING, 12)
        self.player.matchEnded(None)
        told = [one for one in self.reports if one["event"] in ("sample", "seat")]
        self.assertEqual(
            [(one.get("first"), one.get("checksums")) for one in told],
            [(300, [None, 11]), (320, [None, None]), (None, None), (322, [12])],
        )
        self.assertEqual(told[2], {"event": "seat", "frame": 322, "bytes": 412})

    def test_severalPaths(self) -> None:
        """With several others what is told is what carries the game to all of them together."""
        self.player.matchStarted(FakeMatch())
        for player, kind in ((2, "relay"), (3, "relay"), (2, "direct"), (3, "direct")):
            self.clock.advance(1)
            self.player.pathChanged(player, kind, ("127.0.0.1", 5))
        self.assertEqual(
            [(one["time"], one["kind"]) for one in self.reports if one["event"] == "path"][1:],
            [(1.0, "relay"), (3.0, "mixed"), (4.0, "direct")],
        )

    def test_neverBegan(self) -> None:
        """A match that fails before it begins has nothing to report."""
        self.player.matchEnded(None)
        self.assertEqual(self.reports, [])
