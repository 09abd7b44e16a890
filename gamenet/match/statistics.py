"""What a match has cost so far, gathered from where it is counted."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from gamenet.match.frame_loop import FrameLoop
from gamenet.mesh.link import PeerLink
from gamenet.mesh.link_report import LinkReport

__all__ = ["MatchStatistics"]


@attrs.frozen
class MatchStatistics:
    """
    What a match has cost so far.

    @ivar path: C{"direct"}, C{"relay"}, C{"mixed"} where some players are reached this way
        and others that way, or C{"none"} where no path carries the game.
    @ivar round_trip: Smoothed seconds to the farthest other player and back; C{None} if
        unknown.
    @ivar frame: The next frame to be played.
    @ivar confirmed_frame: The last frame that is final, -1 before the first.
    @ivar rollbacks: How often frames were played again.
    @ivar deepest_rollback: The most frames that were played again at once.
    @ivar resimulated_frames: How many frames were played again in all.
    @ivar stalls: How many frame times passed without a new frame because the
        prediction window was full.
    @ivar desyncs: How many compared checksums differed.
    @ivar attempts: Punching attempts begun, over all other players.
    @ivar packets_direct: Game packets that left over direct paths.
    @ivar packets_relayed: Game packets that left over the relay.
    @ivar packets_sent: All datagrams that left, path checks among them.
    @ivar bytes_sent: Their bytes, without IP and UDP headers.
    @ivar packets_received: Authentic packets that came.
    @ivar rejected: Datagrams that were not authentic, or repeated.
    @ivar duration: Seconds since play began; 0.0 before.
    @ivar links: How the link to each other player stands, in order of player number.
    """

    path: str
    round_trip: float | None
    frame: int
    confirmed_frame: int
    rollbacks: int
    deepest_rollback: int
    resimulated_frames: int
    stalls: int
    desyncs: int
    attempts: int
    packets_direct: int
    packets_relayed: int
    packets_sent: int
    bytes_sent: int
    packets_received: int
    rejected: int
    duration: float
    links: tuple[LinkReport, ...] = ()

    @classmethod
    def gather(
        cls, links: Iterable[PeerLink], loop: FrameLoop, duration: float
    ) -> MatchStatistics:
        """
        Add up what the links and the frame loop of one match have counted.

        @param duration: Seconds since play began.
        """
        all_links = tuple(links)
        reports = tuple(link.report() for link in all_links)
        kinds = sorted({report.kind for report in reports if report.kind != "none"})
        trips = [report.round_trip for report in reports if report.round_trip is not None]
        counted = [link.statistics for link in all_links]
        session = loop.statistics
        direct = sum(each.packets_direct for each in counted)
        relayed = sum(each.packets_relayed for each in counted)
        return cls(
            path=(kinds or ["none"])[0] if len(kinds) < 2 else "mixed",
            round_trip=max(trips, default=None),
            frame=loop.current_frame,
            confirmed_frame=loop.confirmed_frame,
            rollbacks=session.rollbacks,
            deepest_rollback=session.deepest_rollback,
            resimulated_frames=session.frames_resimulated,
            stalls=session.stalls,
            desyncs=session.desynchronizations,
            attempts=sum(link.attempts for link in all_links),
            packets_direct=direct,
            packets_relayed=relayed,
            packets_sent=direct + relayed + sum(each.checks_sent for each in counted),
            bytes_sent=sum(each.bytes_sent for each in counted),
            packets_received=sum(each.packets_received for each in counted),
            rejected=sum(each.rejected for each in counted),
            duration=duration,
            links=reports,
        )
