"""
Paths to one other player, and which of them carries the game, as decisions.

A path is a socket of ours and a remote address.  It is proven when a check
sent over it is answered over it (RFC 8445, section 7, with the link's own
authentication in place of MESSAGE-INTEGRITY), stays proven while its checks
are answered, and is forgotten when they are not.  The sender chooses: direct
before relay, the shorter round trip first.  The receiver accepts any path.
"""

from __future__ import annotations

from enum import Enum

import attrs

from gamenet.bounds import seconds, wholeNumber
from gamenet.interfaces import Address, IDatagramSocket

__all__ = ["Path", "PathKind", "PathRecord", "PathSettings", "PathTable"]


_NEVER = float("inf")


class PathKind(Enum):
    """What a path leads through."""

    #: From our game socket to an address of the other player's own.
    DIRECT = "direct"
    #: From our relayed address to theirs.
    RELAY = "relay"


@attrs.frozen(cache_hash=True)
class Path:
    """
    One way to reach the other player.

    @ivar kind: What it leads through.
    @ivar socket: Our socket that it leaves from.
    @ivar address: Where it goes.
    """

    kind: PathKind
    socket: IDatagramSocket = attrs.field(repr=False, eq=id)
    address: Address


@attrs.frozen
class PathSettings:
    """
    The limits of path checking.

    @ivar check_interval: Seconds between two checks of the path that carries the game.
    @ivar backup_interval: Seconds between two checks of another proven path, while they
        are answered.
    @ivar unproven_interval: Seconds between two checks of the relay while unproven.
    @ivar first_interval: Seconds between two of the first checks of a path, which tell how
        long it is and what the other player's clock shows.
    @ivar first_checks: How many checks those are.
    @ivar doubt_after: Seconds without an answer after which a path is no longer
        trusted alone.
    @ivar silence_doubt: Seconds without any packet of the other player after which
        every proven path carries the game.
    @ivar lost_after: Seconds without an answer after which a path is forgotten.
    @ivar path_limit: How many paths are kept, proven or not.
    @ivar outstanding_limit: How many unanswered checks of one path are remembered.
    """

    check_interval: float = attrs.field(default=0.5, validator=seconds())
    backup_interval: float = attrs.field(default=1.0, validator=seconds())
    unproven_interval: float = attrs.field(default=0.2, validator=seconds())
    first_interval: float = attrs.field(default=0.1, validator=seconds())
    first_checks: int = attrs.field(default=16, validator=wholeNumber(0, 256))
    doubt_after: float = attrs.field(default=1.5, validator=seconds())
    silence_doubt: float = attrs.field(default=0.25, validator=seconds())
    lost_after: float = attrs.field(default=3.0, validator=seconds())
    path_limit: int = attrs.field(default=16, validator=wholeNumber(2, 256))
    outstanding_limit: int = attrs.field(default=32, validator=wholeNumber(2, 256))


@attrs.define(eq=False)
class PathRecord:
    """
    What is known of one path.

    @ivar path: The path.
    @ivar proven: Whether a check was answered over it lately.
    @ivar round_trip: Smoothed seconds there and back, C{None} before the first answer.
    @ivar jitter: Smoothed deviation of it in seconds (RFC 6298, section 2).
    @ivar last_answer: When a check was last answered; at first when the path was added.
    @ivar next_check: When the next check is due.
    @ivar announced: Whether the lobby named it: a relay path that is kept while silent.
    @ivar insisted: Whether it is checked again and again until it is proven or forgotten.
    @ivar checks: How many checks were sent over it.
    @ivar outstanding: When each unanswered check was sent, by its nonce.
    """

    path: Path
    last_answer: float
    next_check: float
    proven: bool = False
    round_trip: float | None = None
    jitter: float = 0.0
    announced: bool = False
    insisted: bool = False
    checks: int = 0
    outstanding: dict[bytes, float] = attrs.field(factory=dict)

    def measured(self, sample: float) -> None:
        """Take one round trip (seconds) into the smoothed figures (RFC 6298, section 2)."""
        if self.round_trip is None:
            self.round_trip = sample
            self.jitter = sample / 2
        else:
            self.jitter += (abs(self.round_trip - sample) - self.jitter) / 4
            self.round_trip += (sample - self.round_trip) / 8


@attrs.define(eq=False)
class PathTable:
    """
    All paths to one other player.  Used by L{gamenet.mesh.link.PeerLink}.

    @ivar settings: The limits.
    @ivar chosen: The path that carries the game, C{None} before one is proven.
    @ivar last_heard: When any authentic packet last came, over any path.
    @ivar refused: How many paths were refused because the table was full.
    """

    settings: PathSettings = attrs.field(factory=PathSettings)
    chosen: Path | None = attrs.field(init=False, default=None)
    last_heard: float = attrs.field(init=False, default=0.0)
    refused: int = attrs.field(init=False, default=0)
    _doubted: bool = attrs.field(init=False, default=False)
    _records: dict[Path, PathRecord] = attrs.field(init=False, factory=dict)

    def record(self, path: Path) -> PathRecord | None:
        """Return what is known of C{path}, C{None} where it is not in the table."""
        return self._records.get(path)

    def add(
        self, path: Path, now: float, announced: bool = False, insisted: bool = False
    ) -> bool:
        """
        Take a path into the table.

        A check of an announced path is due at once; those of another unproven
        path are sent by the punch, or in answer to the other player's
        (triggered checks, RFC 8445, section 7.3.1.4).

        @param announced: Whether the lobby named it as the way through the relay; other
            paths are what the other player's checks came by, as many as they like.
        @param insisted: Whether to check it at once, and until it is proven or forgotten:
            the other player has proven to be there in another way.
        @return: Whether it is new and there was room.
        """
        record = self._records.get(path)
        if record is not None:
            if announced and not record.announced:
                record.announced = True
                record.next_check = min(record.next_check, now)
            return False
        if len(self._records) >= self.settings.path_limit:
            self.refused += 1
            return False
        due = now if announced or insisted else _NEVER
        self._records[path] = PathRecord(
            path, now, due, announced=announced, insisted=insisted
        )
        return True

    def remove(self, path: Path) -> None:
        """Forget a path, for example because its socket is gone."""
        if self._records.pop(path, None) is not None and path == self.chosen:
            self._choose()

    def through(self, kind: PathKind) -> list[Path]:
        """Return the paths of one kind, in the order they were added."""
        return [path for path in self._records if path.kind is kind]

    def checkSent(self, path: Path, nonce: bytes, now: float) -> None:
        """Remember that a check with this C{nonce} left over C{path}, and when the next is due."""
        record = self._records.get(path)
        if record is None:
            return
        if len(record.outstanding) >= self.settings.outstanding_limit:
            del record.outstanding[next(iter(record.outstanding))]
        record.outstanding[nonce] = now
        record.checks += 1
        if record.proven:
            record.next_check = now + self._interval(record, now)
        elif record.announced or record.insisted:
            record.next_check = now + self.settings.unproven_interval

    def sentAt(self, path: Path, nonce: bytes) -> float | None:
        """Return when an unanswered check left over C{path}, C{None} where none did."""
        record = self._records.get(path)
        return None if record is None else record.outstanding.get(nonce)

    def answered(self, path: Path, nonce: bytes, now: float) -> bool:
        """
        An authentic answer came over C{path}.

        @return: Whether this proves a path that was not proven before; an answer to
            nothing we asked, or over another path, proves nothing.
        """
        record = self._records.get(path)
        sent = record.outstanding.pop(nonce, None) if record is not None else None
        if record is None or sent is None:
            return False
        record.measured(now - sent)
        record.last_answer = now
        newly = not record.proven
        record.proven = True
        if newly:
            self._choose()
            record.next_check = now + self._interval(record, now)
        if path == self.chosen:
            self._doubted = False
        return newly

    def heard(self, now: float) -> None:
        """
        An authentic packet of the other player came.

        After a silence the chosen path stays in doubt until a check proves it
        again: the packet may have come over another one.
        """
        if now - self.last_heard >= self.settings.silence_doubt:
            self._doubted = True
        self.last_heard = now

    def isSilent(self, now: float, limit: float) -> bool:
        """Return whether nothing has come for C{limit} seconds though there is a path."""
        return self.chosen is not None and now - self.last_heard >= limit

    def recheck(self, now: float) -> None:
        """
        We stood still: trust no path alone until it answers again.  Every path that was
        proven, or is kept, is checked at once and has all of its time to answer.
        """
        self._doubted = True
        self.last_heard = now
        for record in self._records.values():
            record.outstanding.clear()
            record.last_answer = now
            record.checks = 0
            if record.proven or record.announced or record.insisted:
                record.next_check = now

    def moved(self, now: float) -> None:
        """
        Our own address is another: no path is proven any more.  Those that were, and those
        that are kept, are checked at once and until they are proven or forgotten.
        """
        for record in self._records.values():
            record.insisted = record.insisted or record.proven
            record.proven = False
        self.recheck(now)
        self._choose()

    def clear(self) -> None:
        """Forget every path: whoever is at the other ends is somebody else now."""
        self._records.clear()
        self.chosen = None

    def dueChecks(self, now: float) -> list[Path]:
        """Return the paths whose check is due, in the order they were added."""
        return [record.path for record in self._records.values() if record.next_check <= now]

    def expire(self, now: float) -> list[Path]:
        """
        Forget the paths whose checks were not answered for too long.

        An announced path is kept, unproven, because its address stays right while
        the allocation lives.

        @return: The paths that were proven until now, and the announced ones that are
            still silent.
        """
        limit = self.settings.lost_after
        silent = [r for r in self._records.values() if now >= r.last_answer + limit]
        lost = [record.path for record in silent if record.proven or record.announced]
        for record in silent:
            if record.announced:
                record.proven = False
                record.last_answer = record.next_check = now
            else:
                del self._records[record.path]
        if lost:
            self._choose()
        return lost

    def carriers(self, now: float) -> tuple[Path, ...]:
        """
        Return the paths that a game packet leaves over now.

        One, as long as it is trusted; where packets stay away or its checks
        are not answered, every proven path until it is proven again.
        """
        if self.chosen is None:
            return ()
        record = self._records[self.chosen]
        trusted = now - record.last_answer < self.settings.doubt_after
        silent = now - self.last_heard >= self.settings.silence_doubt
        if trusted and not silent and not self._doubted:
            return (self.chosen,)
        return tuple(r.path for r in self._records.values() if r.proven)

    def hasDirect(self) -> bool:
        """Return whether a direct path is proven."""
        return any(r.proven and r.path.kind is PathKind.DIRECT for r in self._records.values())

    def nextDue(self) -> float | None:
        """Return when the next check or expiry is due, C{None} where there are no paths."""
        limit = self.settings.lost_after
        dues = [min(r.next_check, r.last_answer + limit) for r in self._records.values()]
        return min(dues, default=None)

    def roundTrip(self) -> float | None:
        """Return the chosen path's smoothed round trip in seconds, C{None} before it is known."""
        record = self._records.get(self.chosen) if self.chosen is not None else None
        return None if record is None else record.round_trip

    def jitter(self) -> float:
        """Return the deviation of the chosen path's round trip in seconds."""
        record = self._records.get(self.chosen) if self.chosen is not None else None
        return 0.0 if record is None else record.jitter

    def _interval(self, record: PathRecord, now: float) -> float:
        """Return the seconds from one check of a proven path to the next."""
        settings = self.settings
        if record.checks < settings.first_checks:
            return settings.first_interval
        backup = settings.backup_interval
        if record.path == self.chosen or now - record.last_answer > 1.5 * backup:
            return settings.check_interval
        return max(settings.check_interval, backup)

    def _choose(self) -> None:
        """
        Choose the best proven path; where two are direct the shorter one, and
        the present one where they do not differ by a quarter.
        """
        best: PathRecord | None = None
        for record in self._records.values():
            if record.proven and (best is None or _better(record, best, self.chosen)):
                best = record
        self.chosen = None if best is None else best.path


def _better(candidate: PathRecord, best: PathRecord, chosen: Path | None) -> bool:
    if candidate.path.kind is not best.path.kind:
        return candidate.path.kind is PathKind.DIRECT
    mine = candidate.round_trip or 0.0
    theirs = best.round_trip or 0.0
    if candidate.path == chosen:
        return mine <= theirs * 1.25
    if best.path == chosen:
        return mine * 1.25 < theirs
    return mine < theirs
