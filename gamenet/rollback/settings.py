"""
What a rollback session is told before it starts.
"""

from __future__ import annotations

from enum import Enum
from hashlib import blake2b
from struct import pack

import attrs

from gamenet.bounds import number
from gamenet.errors import BadSetting
from gamenet.rollback.input_queue import Predictor
from gamenet.wire.input_frames import (
    FRAMES_LIMIT,
    INPUT_LIMIT,
    INPUT_PACKET_VERSION,
    INPUTS_LIMIT,
)
from gamenet.wire.peer_packets import DIGEST_BYTES

__all__ = [
    "DELAY_LIMIT",
    "INTERVAL_LIMIT",
    "PLAYERS_LIMIT",
    "RATE_LIMIT",
    "SEND_INTERVAL_LIMIT",
    "WINDOW_LIMIT",
    "LeaverPolicy",
    "Prediction",
    "RollbackSettings",
    "StateRepair",
]

#: The most players of a match.
PLAYERS_LIMIT = 16

#: The most frames between two packets of one link while frames are played.
SEND_INTERVAL_LIMIT = 4

#: The largest prediction window, in frames.
WINDOW_LIMIT = 32

#: The largest input delay, in frames.
DELAY_LIMIT = 16

#: The most frames between two checksum reports.
INTERVAL_LIMIT = 3600

#: The most frames a second.
RATE_LIMIT = 240


class Prediction(Enum):
    """What is played for a player whose input has not come yet."""

    #: They go on pressing what they pressed last.
    REPEAT_LAST = "repeat last"
    #: They press C{RollbackSettings.default_input}.
    DEFAULT = "default"


class LeaverPolicy(Enum):
    """What becomes of a seat whose player has left or was dropped."""

    #: The last input that all agreed on goes on for ever.
    FREEZE = "freeze"
    #: The input is C{b""}, and the game is told that the seat is empty
    #: (L{gamenet.interfaces.ISeatedSimulation}).
    REMOVE = "remove"
    #: The input is C{RollbackSettings.default_input}.
    DEFAULT_INPUT = "default input"
    #: The game itself plays on (L{gamenet.interfaces.IBotSimulation}).
    BOT = "bot"


class StateRepair(Enum):
    """What becomes of a match whose states differ, found by the full-state exchange."""

    #: The wrong side takes the authority's state over.
    TAKE_OVER = "take over"
    #: The match ends by name.
    END = "end"


@attrs.frozen
class RollbackSettings:
    """
    The rules of one session.

    C{players}, C{seating} (but for C{open_seating}), C{frame_rate}, C{checksum_interval},
    C{last_frame}, C{input_limit}, C{leaver_policy}, C{default_input}, C{both_stop},
    C{lone_survivor}, C{state_exchange_interval} and C{state_repair} must be the same
    for all players (L{digest} tells).  So must C{vacant} for those who are there at frame
    0; who joins later is told by them who plays.  The others are each player's own.

    @ivar players: How many seats there are, 2 to L{PLAYERS_LIMIT}.
    @ivar local_player: A player who is played here, from 1; together with
        those of the same peer in C{seating}.
    @ivar prediction_window: How many frames may be played on predicted inputs
        before the session stalls, 0 to L{WINDOW_LIMIT}; 0 is lockstep.
    @ivar input_delay: How many frames later a local input takes effect than
        it is asked for, 0 to L{DELAY_LIMIT}.  The inputs of the frames before
        that are C{b""}.
    @ivar frame_rate: Frames a second, 1 to L{RATE_LIMIT}.
    @ivar checksum_interval: Every how many frames a checksum is reported to
        the others, 1 to L{INTERVAL_LIMIT}.
    @ivar last_frame: The frame that the match ends with, or C{None}.
    @ivar input_limit: The longest input, in bytes, at most
        L{gamenet.wire.input_frames.INPUT_LIMIT}.
    @ivar unacknowledged_limit: How many local inputs may wait for their
        acknowledgement before the session stalls, 1 to
        L{gamenet.wire.input_frames.INPUTS_LIMIT}.  Players who hear each
        other never get there.
    @ivar checksums_limit: How many checksums, ours and those of others that
        we have not come to yet, are kept to be compared.
    @ivar events_limit: How many events may wait to be drained.
    @ivar seating: The players of each peer, ascending; C{None} is a peer for
        every player.  A peer's number is its lowest player's.
    @ivar vacant: Players whose seats are empty at frame 0 and may be taken later.
    @ivar open_seating: Whether empty seats may become those of another peer later
        (L{gamenet.rollback.session.RollbackSession.regroup}).  What the seating was at
        first is not compared then: who joins late does not know it.
    @ivar send_interval: Frames between two packets on a link, 1 to
        L{SEND_INTERVAL_LIMIT}; C{None} is 1 up to 8 players and 2 above.
    @ivar keep_alive: Seconds after which a packet goes out though there is
        nothing new to say.
    @ivar sparse_saving: Save seldom: only final states are kept, and going back
        plays more frames again.  For games whose saving costs more than a few
        frames of theirs.
    @ivar prediction: How inputs are predicted: a L{Prediction}, or the game's
        own: a callable that is given the last known input (C{b""} before the
        first) and for how many frames nothing is known, 1 for the first of
        them, and returns an input.
    @ivar default_input: See L{Prediction.DEFAULT} and L{LeaverPolicy.DEFAULT_INPUT}.
    @ivar leaver_policy: See L{LeaverPolicy}.
    @ivar interrupted_after: Seconds of silence after which
        L{gamenet.rollback.seat_events.PeerInterrupted} is told.
    @ivar lost_after: Seconds of silence after which a peer is to be dropped;
        C{None} never drops anybody for being silent.
    @ivar rejoin_within: For how many seconds after a drop the seat stays the peer's own,
        1 to 86 400; C{None} is for ever.  A seat that was vacant from the start can
        always be taken.
    @ivar both_stop: In a game of two players, neither plays on without the other.
    @ivar lone_survivor: Of the last two peers whichever does not hear the other plays on
        alone; see L{gamenet.agreement.settings.AgreementSettings}.  Not with
        C{both_stop}.
    @ivar state_exchange_interval: Every how many frames the full states are
        compared and repaired (seed row N13); a multiple of C{checksum_interval},
        or 0 for never.
    @ivar state_repair: See L{StateRepair}.
    @ivar dump_states: Whether a difference is followed by an exchange of both
        states, so that the part that differs can be named.
    @ivar history_limit: How many confirmed frames are kept for spectators,
        for those who join, and for looking back; at least 120.
    @ivar followers_limit: How many spectators are served at once, beside players
        without a seat.

    @raise BadSetting: A value cannot work; the text says which and why.
    """

    players: int = 2
    local_player: int = 1
    prediction_window: int = 8
    input_delay: int = 1
    frame_rate: int = 60
    checksum_interval: int = 30
    last_frame: int | None = None
    input_limit: int = INPUT_LIMIT
    unacknowledged_limit: int = INPUTS_LIMIT
    checksums_limit: int = 128
    events_limit: int = 1024
    seating: tuple[tuple[int, ...], ...] | None = None
    vacant: tuple[int, ...] = ()
    open_seating: bool = False
    send_interval: int | None = None
    keep_alive: float = attrs.field(default=0.2, validator=number(0.02, 5.0, "seconds"))
    sparse_saving: bool = False
    prediction: Prediction | Predictor = Prediction.REPEAT_LAST
    default_input: bytes = b""
    leaver_policy: LeaverPolicy = LeaverPolicy.FREEZE
    interrupted_after: float = attrs.field(default=0.5, validator=number(0.05, 60, "seconds"))
    lost_after: float | None = 2.0
    rejoin_within: float | None = 30.0
    both_stop: bool = False
    lone_survivor: bool = False
    state_exchange_interval: int = 0
    state_repair: StateRepair = StateRepair.TAKE_OVER
    dump_states: bool = True
    history_limit: int = 600
    followers_limit: int = 16

    def __attrs_post_init__(self) -> None:
        _requireWithin("players", self.players, 2, PLAYERS_LIMIT)
        _requireWithin("local_player", self.local_player, 1, self.players)
        _requireWithin("prediction_window", self.prediction_window, 0, WINDOW_LIMIT)
        _requireWithin("input_delay", self.input_delay, 0, DELAY_LIMIT)
        _requireWithin("frame_rate", self.frame_rate, 1, RATE_LIMIT)
        _requireWithin("checksum_interval", self.checksum_interval, 1, INTERVAL_LIMIT)
        if self.last_frame is not None:
            _requireWithin("last_frame", self.last_frame, 0, FRAMES_LIMIT - 1)
        _requireWithin("input_limit", self.input_limit, 1, INPUT_LIMIT)
        _requireWithin("unacknowledged_limit", self.unacknowledged_limit, 1, INPUTS_LIMIT)
        if self.unacknowledged_limit <= self.input_delay:
            raise BadSetting("unacknowledged_limit must be more than input_delay")
        _requireWithin("checksums_limit", self.checksums_limit, 1, 65_536)
        _requireWithin("events_limit", self.events_limit, 1, 1_000_000)
        if self.send_interval is not None:
            _requireWithin("send_interval", self.send_interval, 1, SEND_INTERVAL_LIMIT)
        _requireWithin("history_limit", self.history_limit, 120, 1_000_000)
        _requireWithin("followers_limit", self.followers_limit, 0, 1024)
        _requireWithin("state_exchange_interval", self.state_exchange_interval, 0, INTERVAL_LIMIT)
        if self.state_exchange_interval % self.checksum_interval:
            raise BadSetting("state_exchange_interval must be a multiple of checksum_interval")
        self._requireChoices()
        self._requireSeating()

    @property
    def peers(self) -> tuple[tuple[int, ...], ...]:
        """The players of each peer, in the order of the peers' numbers."""
        if self.seating is None:
            return tuple((player,) for player in range(1, self.players + 1))
        return self.seating

    @property
    def compared_peers(self) -> tuple[tuple[int, ...], ...]:
        """What is compared of C{peers}."""
        if self.open_seating:
            return tuple((player,) for player in range(1, self.players + 1))
        return self.peers

    @property
    def local_players(self) -> tuple[int, ...]:
        """The players who are played here, ascending."""
        return next(players for players in self.peers if self.local_player in players)

    @property
    def peer(self) -> int:
        """Our own peer's number."""
        return self.local_players[0]

    @property
    def others(self) -> tuple[int, ...]:
        """The numbers of all other peers, whether they play or not."""
        return tuple([players[0] for players in self.peers if players[0] != self.peer])

    @property
    def frames_a_packet(self) -> int:
        """Frames between two packets on a link."""
        if self.send_interval is None:
            return 1 if self.players <= 8 else 2
        return self.send_interval

    def digest(self) -> bytes:
        """
        Return L{gamenet.wire.peer_packets.DIGEST_BYTES} bytes that are equal for
        two players exactly if they can play with each other: what must be the
        same for both is, and so is the layout of their packets.  Compared
        before the first frame.
        """
        last_frame = FRAMES_LIMIT if self.last_frame is None else self.last_frame
        shared = pack(
            ">HBBHIBHB",
            INPUT_PACKET_VERSION,
            self.players,
            self.frame_rate,
            self.checksum_interval,
            last_frame,
            self.input_limit,
            self.state_exchange_interval,
            self.both_stop,
        )
        shared += repr(
            (
                self.compared_peers,
                (),  # seats that are empty at first: nobody who joins late knows which they were
                self.default_input,
                self.leaver_policy.value,
                self.state_repair.value,
            )
        ).encode()
        if self.lone_survivor:
            shared += b"lone survivor"
        return blake2b(shared, digest_size=DIGEST_BYTES, person=b"gamenet rollback").digest()

    def _requireChoices(self) -> None:
        """Check the settings that are no numbers."""
        for name in (
            "open_seating", "sparse_saving", "both_stop", "lone_survivor", "dump_states"
        ):
            if type(getattr(self, name)) is not bool:
                raise BadSetting(f"{name} must be true or false, not {getattr(self, name)!r}")
        if self.both_stop and self.lone_survivor:
            raise BadSetting("both_stop and lone_survivor contradict each other")
        if not isinstance(self.leaver_policy, LeaverPolicy):
            raise BadSetting(f"leaver_policy must be a LeaverPolicy, not {self.leaver_policy!r}")
        if not isinstance(self.state_repair, StateRepair):
            raise BadSetting(f"state_repair must be a StateRepair, not {self.state_repair!r}")
        if not isinstance(self.prediction, Prediction) and not callable(self.prediction):
            raise BadSetting(
                f"prediction must be a Prediction or callable, not {self.prediction!r}"
            )
        text = self.default_input
        if type(text) is not bytes or len(text) > self.input_limit:
            raise BadSetting(
                f"default_input must be at most {self.input_limit} bytes, not {text!r}"
            )
        within = self.rejoin_within
        if within is not None and (type(within) not in (int, float) or not 1 <= within <= 86_400):
            raise BadSetting(f"rejoin_within must be from 1 to 86400 seconds, not {within!r}")
        if self.keep_alive >= self.interrupted_after:
            raise BadSetting("keep_alive must be shorter than interrupted_after")
        lost_after = self.lost_after
        if lost_after is None:
            return
        if type(lost_after) not in (int, float) or not 0.1 <= lost_after <= 3600:
            raise BadSetting(f"lost_after must be from 0.1 to 3600 seconds, not {lost_after!r}")
        if self.interrupted_after >= lost_after:
            raise BadSetting("interrupted_after must be shorter than lost_after")

    def _requireSeating(self) -> None:
        """Check that every player has one seat, at one peer."""
        everybody = list(range(1, self.players + 1))
        if self.seating is not None:
            peers = _numbersOfEach(self.seating)
            if (
                peers is None
                or sorted(player for players in peers for player in players) != everybody
                or len(peers) < 2
                or list(peers) != sorted(peers)
                or any(list(players) != sorted(players) for players in peers)
            ):
                raise BadSetting(
                    "seating must have at least two peers and every player once, ascending,"
                    f" not {self.seating!r}"
                )
        vacant = self.vacant
        if vacant != () and (
            _numbersOfEach((vacant,)) is None
            or vacant != tuple(player for player in everybody if player in vacant)
        ):
            raise BadSetting(f"vacant must be player numbers, ascending, not {vacant!r}")
        for players in self.peers:
            if 0 < sum(player in vacant for player in players) < len(players):
                raise BadSetting("vacant must be all players of a peer or none of them")
        if len(vacant) == self.players:
            raise BadSetting("vacant cannot be all players")


def _numbersOfEach(value: object) -> tuple[tuple[int, ...], ...] | None:
    """Return what is a tuple of tuples of numbers, none of them empty, or C{None}."""
    if type(value) is not tuple:
        return None
    for numbers in value:
        if (
            type(numbers) is not tuple
            or not numbers
            or any(type(one) is not int for one in numbers)
        ):
            return None
    return value


def _requireWithin(name: str, value: object, lowest: int, highest: int) -> None:
    """
    Check one setting.

    @raise BadSetting: C{value} is not an integer from C{lowest} to
        C{highest}.
    """
    if type(value) is not int:
        raise BadSetting(f"{name} must be an integer, not {value!r}")
    if not lowest <= value <= highest:
        wanted = f"{lowest}" if lowest == highest else f"from {lowest} to {highest}"
        raise BadSetting(f"{name} must be {wanted}, not {value}")
