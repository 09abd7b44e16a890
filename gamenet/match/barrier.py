"""
The start of play, as a decision: neither side begins before both know that the
other is there and plays by the same rules.

Each side repeats READY, with the digest of its rules and whether it has heard
the other's READY.  A side begins once it has heard the other I{and} knows
itself heard.  The first packet of play says the same as a READY that has heard:
it is sent by nobody else.

Where the digests differ nobody is heard.  Both sides say their rules one by one
then (TERMS), so that each can tell its player what differs.
"""

from __future__ import annotations

import attrs

from gamenet.match.configuration import Configuration, ConfigurationDiffers
from gamenet.wire.peer_packets import Ready, Terms

__all__ = ["TERMS_PATIENCE", "StartBarrier"]

#: Seconds to wait for the terms of a player whose digest differs.
TERMS_PATIENCE = 1.0


@attrs.define
class StartBarrier:
    """
    The barrier towards one other player.  Used by L{gamenet.match.stage}.

    @ivar player: The other player's number.
    @ivar configuration: Our rules.
    @ivar hears: Whether we heard the other player.
    @ivar heard: Whether the other player heard us.
    @ivar differs: Whether they play by other rules, and did not say yet by which.
    @ivar told_at: When our terms first left for them, in seconds; C{None} before.
    """

    player: int
    configuration: Configuration
    hears: bool = attrs.field(init=False, default=False)
    heard: bool = attrs.field(init=False, default=False)
    differs: bool = attrs.field(init=False, default=False)
    told_at: float | None = attrs.field(init=False, default=None)

    @property
    def open(self) -> bool:
        """Whether play may begin."""
        return self.hears and self.heard

    def packets(self) -> tuple[Ready | Terms, ...]:
        """Return what to send now."""
        ready = Ready(self.configuration.digest, self.hears)
        return (ready, self.configuration.terms) if self.differs else (ready,)

    def sent(self, packet: Ready | Terms, now: float) -> None:
        """
        One of L{packets} left: there is a path.

        @param now: The time, in seconds.
        """
        if isinstance(packet, Terms) and self.told_at is None:
            self.told_at = now

    def readyReceived(self, ready: Ready) -> None:
        """The other player's READY came."""
        if ready.digest != self.configuration.digest:
            self.refused()
            return
        self.hears = True
        self.heard = self.heard or ready.heard

    def refused(self) -> None:
        """They play by other rules, by their digest or by their own words: await their terms."""
        self.differs = not self.hears

    def termsReceived(self, terms: Terms) -> None:
        """
        The other player says its rules, because ours differ.

        Whoever said our digest before is not believed.

        @raise ConfigurationDiffers: They differ.
        """
        if not self.hears:
            raise ConfigurationDiffers(self.player, self.configuration.differences(terms))

    def checkPatience(self, now: float) -> None:
        """
        Wait no longer for the terms of who differs than L{TERMS_PATIENCE} after ours
        left: as long as there is no path we could not tell them either.

        @raise ConfigurationDiffers: That is over; what differs is unknown.
        """
        if self.told_at is not None and now >= self.told_at + TERMS_PATIENCE:
            self.giveUp()

    def giveUp(self) -> None:
        """
        Wait no longer at all.

        @raise ConfigurationDiffers: They play by other rules.
        """
        if self.differs:
            raise ConfigurationDiffers(self.player, ())

    def playReceived(self) -> None:
        """A packet of play came: the other side has begun, so it has heard us."""
        self.hears = True
        self.heard = True
