"""Tests of L{gamenet.rollback.settings}."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gamenet.errors import BadSetting
from gamenet.rollback.settings import (
    LeaverPolicy,
    Prediction,
    RollbackSettings,
    StateRepair,
)
from gamenet.wire.input_frames import FRAMES_LIMIT, INPUT_LIMIT, INPUTS_LIMIT

#: The lowest and the highest value of every setting that is a whole number.
BOUNDS = {
    "players": (2, 16),
    "local_player": (1, 2),
    "prediction_window": (0, 32),
    "input_delay": (0, 16),
    "frame_rate": (1, 240),
    "checksum_interval": (1, 3600),
    "last_frame": (0, FRAMES_LIMIT - 1),
    "input_limit": (1, INPUT_LIMIT),
    "unacknowledged_limit": (2, INPUTS_LIMIT),
    "checksums_limit": (1, 65_536),
    "events_limit": (1, 1_000_000),
    "send_interval": (1, 4),
    "state_exchange_interval": (0, 3600),
    "history_limit": (120, 1_000_000),
    "followers_limit": (0, 1024),
}

#: The same of every setting that is a number of seconds.
SECONDS = {
    "keep_alive": (0.02, 5.0),
    "interrupted_after": (0.05, 1.99),
    "lost_after": (0.51, 3600.0),
    "rejoin_within": (1.0, 86_400.0),
}

#: Of every other setting, good values and bad ones.
CHOICES: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "seating": ((None, ((1,), (2,))), (((1, 2),), ((1,),))),
    "vacant": (((), (2,)), ((3,), (0,), [2], 2, None, [], b"")),
    "open_seating": ((True, False), (1, None, "no")),
    "sparse_saving": ((True, False), (1, None, "no")),
    "both_stop": ((True, False), (1, None, "no")),
    "lone_survivor": ((True, False), (1, None, "no")),
    "dump_states": ((True, False), (1, None, "no")),
    "prediction": ((*Prediction, lambda text, frames: text), ("repeat last", 1, None)),
    "default_input": ((b"", bytes(INPUT_LIMIT)), (bytes(INPUT_LIMIT + 1), "x", bytearray(1), None)),
    "leaver_policy": (tuple(LeaverPolicy), ("freeze", None)),
    "state_repair": (tuple(StateRepair), ("end", None)),
}

#: What may be C{None}.
OPTIONAL = ("last_frame", "send_interval", "lost_after", "rejoin_within")


def of(**changes: Any) -> RollbackSettings:
    """Settings in which every number may be changed alone."""
    base: dict[str, Any] = {}
    if "state_exchange_interval" in changes:
        base = {"checksum_interval": 1}
    elif "keep_alive" in changes:
        base = {"interrupted_after": 60, "lost_after": None}
    elif "interrupted_after" in changes:
        base = {"keep_alive": 0.02}
    return RollbackSettings(**base | changes)


class BoundTests(SynchronousTestCase):
    """Every setting has a lowest and a highest value."""

    def test_bounds(self) -> None:
        """The lowest and the highest value are good; one beyond is refused with its name."""
        for name, (lowest, highest) in BOUNDS.items():
            for good in (lowest, highest):
                self.assertEqual(getattr(of(**{name: good}), name), good)
            for bad in (lowest - 1, highest + 1):
                error = self.assertRaises(BadSetting, of, **{name: bad})
                self.assertIn(name, str(error))

    def test_seconds(self) -> None:
        """The same of seconds."""
        for name, (lowest, highest) in SECONDS.items():
            for good in (lowest, highest):
                self.assertEqual(getattr(of(**{name: good}), name), good)
            for bad in (lowest / 50, highest * 1800, -1.0, float("nan"), float("inf"), "1", True):
                error = self.assertRaises(BadSetting, of, **{name: bad})
                self.assertIn(name, str(error))

    def test_choices(self) -> None:
        """Every value of the others; what is none of them is refused with the setting's name."""
        for name, (goods, bads) in CHOICES.items():
            for good in goods:
                self.assertEqual(getattr(of(**{name: good}), name), good)
            for bad in bads:
                error = self.assertRaises(BadSetting, of, **{name: bad})
                self.assertIn(name, str(error))

    def test_everySettingIsBounded(self) -> None:
        """No setting is left out of these tables."""
        names = {field.name for field in attrs.fields(RollbackSettings)}
        self.assertEqual(names, {*BOUNDS, *SECONDS, *CHOICES})

    def test_types(self) -> None:
        """What is not an integer is refused, a truth value too."""
        for name in BOUNDS:
            for bad in (True, 1.0, "1", None):
                if name in OPTIONAL and bad is None:
                    self.assertIsNone(getattr(of(**{name: bad}), name))
                    continue
                error = self.assertRaises(BadSetting, of, **{name: bad})
                self.assertIn(f"{name} must be an integer", str(error))

    def test_localPlayer(self) -> None:
        """Nobody plays a player that there is not (GGRS: local handle out of range)."""
        for players in (2, 3, 16):
            RollbackSettings(players=players, local_player=players)
            for bad in (players + 1, 0):
                self.assertRaises(BadSetting, RollbackSettings, players=players, local_player=bad)

    def test_delayNeedsRoom(self) -> None:
        """A session that could never send its first input is refused."""
        error = self.assertRaises(
            BadSetting, RollbackSettings, input_delay=4, unacknowledged_limit=4
        )
        self.assertIn("unacknowledged_limit", str(error))
        RollbackSettings(input_delay=4, unacknowledged_limit=5)
        RollbackSettings(input_delay=0, unacknowledged_limit=1)

    def test_silence(self) -> None:
        """Nobody is lost before they are said to be interrupted."""
        self.assertRaises(BadSetting, RollbackSettings, interrupted_after=2.0)
        RollbackSettings(interrupted_after=60, lost_after=None)

    def test_keepAlive(self) -> None:
        """Nobody is said to be interrupted who only has nothing new to say."""
        for keep_alive in (0.5, 0.6):
            error = self.assertRaises(BadSetting, RollbackSettings, keep_alive=keep_alive)
            self.assertIn("keep_alive must be shorter than interrupted_after", str(error))
        RollbackSettings(keep_alive=0.49)

    def test_stateExchange(self) -> None:
        """Full states are exchanged at frames whose checksums are compared."""
        RollbackSettings(checksum_interval=30, state_exchange_interval=60)
        self.assertRaises(
            BadSetting, RollbackSettings, checksum_interval=30, state_exchange_interval=45
        )

    def test_defaults(self) -> None:
        """The defaults are those that the documentation of a match counts on."""
        chosen = attrs.asdict(RollbackSettings(), recurse=False)
        self.assertEqual(
            chosen,
            {
                "players": 2,
                "local_player": 1,
                "prediction_window": 8,
                "input_delay": 1,
                "frame_rate": 60,
                "checksum_interval": 30,
                "last_frame": None,
                "input_limit": 64,
                "unacknowledged_limit": 128,
                "checksums_limit": 128,
                "events_limit": 1024,
                "seating": None,
                "vacant": (),
                "send_interval": None,
                "keep_alive": 0.2,
                "open_seating": False,
                "sparse_saving": False,
                "prediction": Prediction.REPEAT_LAST,
                "default_input": b"",
                "leaver_policy": LeaverPolicy.FREEZE,
                "interrupted_after": 0.5,
                "lost_after": 2.0,
                "rejoin_within": 30.0,
                "both_stop": False,
                "lone_survivor": False,
                "state_exchange_interval": 0,
                "state_repair": StateRepair.TAKE_OVER,
                "dump_states": True,
                "history_limit": 600,
                "followers_limit": 16,
            },
        )

    def test_bothStopAndLoneSurvivor(self) -> None:
        """That neither of two goes on, and that each does, cannot both be."""
        error = self.assertRaises(BadSetting, of, both_stop=True, lone_survivor=True)
        self.assertIn("contradict", str(error))

    def test_sendInterval(self) -> None:
        """Every frame up to 8 players, every second above, unless set."""
        for players in range(2, 17):
            settings = RollbackSettings(players=players)
            self.assertEqual(settings.frames_a_packet, 1 if players <= 8 else 2)
            for interval in range(1, 5):
                chosen = attrs.evolve(settings, send_interval=interval)
                self.assertEqual(chosen.frames_a_packet, interval)


class SeatingTests(SynchronousTestCase):
    """Who is played where."""

    def test_everyPlayerAPeer(self) -> None:
        """Unless told otherwise each player is a peer."""
        settings = RollbackSettings(players=3, local_player=2)
        self.assertEqual(settings.peers, ((1,), (2,), (3,)))
        self.assertEqual((settings.local_players, settings.peer), ((2,), 2))

    def test_severalPlayers(self) -> None:
        """A peer's number is that of its lowest player, whichever of its players is named."""
        for player, peer in ((1, 1), (3, 1), (2, 2), (4, 4)):
            settings = RollbackSettings(
                players=4, local_player=player, seating=((1, 3), (2,), (4,))
            )
            self.assertEqual(settings.peer, peer)
            self.assertIn(player, settings.local_players)

    def test_bad(self) -> None:
        """
        Bad input: two peers with one player number, players without a peer, players
        that do not exist, one peer alone, another order (GGRS: duplicate handle,
        missing player, handle out of range, revalidation of the number of players).
        """
        for seating in (
            ((1,), (1, 2), (3,)),
            ((1,), (2, 2), (3,)),
            ((1,), (2,)),
            ((1,), (3,)),
            ((1,), (2,), (3,), (4,)),
            ((0,), (1,), (2,), (3,)),
            ((1, 2, 3),),
            ((1,), (3,), (2,)),
            ((2, 1), (3,)),
            ((1,), (2,), (3,), ()),
            (),
            [(1,), (2, 3)],
            ([1], [2, 3]),
            ((True,), (2, 3)),
            (1, 2, 3),
            7,
        ):
            error = self.assertRaises(BadSetting, RollbackSettings, players=3, seating=seating)
            self.assertIn("seating", str(error))
        RollbackSettings(players=3, seating=((1, 2), (3,)))

    def test_vacant(self) -> None:
        """A peer's seats are vacant together, and not everybody's are."""
        seating = ((1, 3), (2,), (4,))
        RollbackSettings(players=4, seating=seating, vacant=(1, 3))
        RollbackSettings(players=4, seating=seating, vacant=(2, 4))
        for vacant in ((1,), (3, 4), (1, 2, 3, 4), (4, 2), (2, 2), (True, 3), "24", 2, [2]):
            error = self.assertRaises(
                BadSetting, RollbackSettings, players=4, seating=seating, vacant=vacant
            )
            self.assertIn("vacant", str(error))


class DigestTests(SynchronousTestCase):
    """Bad input: a peer with another config is found out before the first frame."""

    def test_everySetting(self) -> None:
        """Each setting that must be shared changes the digest; a player's own do not."""
        base = RollbackSettings(players=4)
        shared: dict[str, Any] = {
            "players": 5,
            "seating": ((1, 2), (3,), (4,)),
            "frame_rate": 30,
            "checksum_interval": 60,
            "last_frame": 600,
            "input_limit": 8,
            "leaver_policy": LeaverPolicy.REMOVE,
            "default_input": b"x",
            "both_stop": True,
            "lone_survivor": True,
            "state_exchange_interval": 60,
            "state_repair": StateRepair.END,
        }
        own: dict[str, Any] = {
            "vacant": (4,),
            "local_player": 2,
            "prediction_window": 3,
            "input_delay": 5,
            "unacknowledged_limit": 20,
            "checksums_limit": 7,
            "events_limit": 7,
            "send_interval": 3,
            "keep_alive": 0.4,
            "open_seating": True,
            "sparse_saving": True,
            "prediction": Prediction.DEFAULT,
            "interrupted_after": 1.0,
            "lost_after": None,
            "rejoin_within": None,
            "dump_states": False,
            "history_limit": 120,
            "followers_limit": 0,
        }
        names = {field.name for field in attrs.fields(RollbackSettings)}
        self.assertEqual(names, {*shared, *own})
        digests = {base.digest()}
        for name, value in shared.items():
            digests.add(attrs.evolve(base, **{name: value}).digest())
        self.assertEqual(len(digests), 1 + len(shared))
        for name, value in own.items():
            self.assertEqual(base.digest(), attrs.evolve(base, **{name: value}).digest(), name)

    def test_sameSeating(self) -> None:
        """A seating that is written out is the same as none, if it is the same."""
        written = RollbackSettings(players=3, seating=((1,), (2,), (3,)))
        self.assertEqual(written.digest(), RollbackSettings(players=3).digest())

    def test_everyPolicy(self) -> None:
        """No two leaver policies play with each other."""
        digests = {RollbackSettings(leaver_policy=policy).digest() for policy in LeaverPolicy}
        self.assertEqual(len(digests), len(LeaverPolicy))

    def test_value(self) -> None:
        """The digest is the same in every process, Python and release: 16 bytes, known here."""
        self.assertEqual(RollbackSettings().digest().hex(), "55f4fa09a8a5ffb197f0e956cf4eac96")
