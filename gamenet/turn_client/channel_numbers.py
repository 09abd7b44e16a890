"""
Which number each channel of an allocation has (RFC 8656, section 12).

A number that was bound must rest for five minutes after its binding expired
before another peer may have it, and a peer must not have another number that
long.  A relay can have bound what we only hear was refused or not answered at
all, so a client goes by what it asked for.
"""

from __future__ import annotations

from attrs import define, field

from gamenet.errors import LocalProtocolError
from gamenet.interfaces import Address
from gamenet.wire.turn import FIRST_CHANNEL, LAST_CHANNEL

__all__ = ["CHANNELS", "CHANNEL_LIFETIME", "CHANNEL_REST", "ChannelNumbers"]

#: How many channels an allocation can have at all.
CHANNELS = LAST_CHANNEL - FIRST_CHANNEL + 1
#: Seconds that a channel stays bound after it was last asked for.
CHANNEL_LIFETIME = 600.0
#: Seconds that a number rests after its channel expired.
CHANNEL_REST = 300.0


@define(eq=False)
class ChannelNumbers:
    """
    The numbers of one allocation: those held, those resting, and the rest, never used.

    @ivar first: The first number to give.
    @ivar number_of: The number of each peer that holds one.
    @ivar peer_of: The peers that hold numbers, by number.
    """

    first: int = FIRST_CHANNEL
    number_of: dict[Address, int] = field(init=False, factory=dict)
    peer_of: dict[int, Address] = field(init=False, factory=dict)
    _unused: int = field(init=False)
    _resting_of: dict[Address, int] = field(init=False, factory=dict)
    _rested: dict[int, float] = field(init=False, factory=dict)

    def __attrs_post_init__(self) -> None:
        """Begin with the first."""
        self._unused = self.first

    def __len__(self) -> int:
        """Return how many numbers are held."""
        return len(self.number_of)

    def take(self, peer: Address, now: float) -> int:
        """
        Return the number that a peer holds from now on: its own while that rests, then
        one that nobody ever had, then the one that has rested longest.

        @raise LocalProtocolError: Every number is held or resting.
        """
        number = self.number_of.get(peer)
        if number is None:
            number = self._resting_of.pop(peer, None)
            if number is None:
                number = self._free(now)
            self.number_of[peer] = number
            self.peer_of[number] = peer
        return number

    def bound(self, peer: Address, now: float) -> bool:
        """
        Take notice that the relay bound a peer's channel.

        @return: Whether the peer still holds its number.
        """
        held = peer in self.number_of
        number = self.number_of[peer] if held else self._resting_of.get(peer)
        if number is not None:
            self._rested[number] = now + CHANNEL_LIFETIME + CHANNEL_REST
        return held

    def release(self, peer: Address) -> None:
        """Let a peer's number rest; nothing happens where it holds none."""
        number = self.number_of.pop(peer, None)
        if number is not None:
            del self.peer_of[number]
            self._resting_of[peer] = number

    def _free(self, now: float) -> int:
        if self._unused <= LAST_CHANNEL:
            self._unused += 1
            return self._unused - 1
        # What was never bound has nothing to rest from.
        never = now - CHANNEL_REST
        rested = [
            (self._rested.get(number, never), number, peer)
            for peer, number in self._resting_of.items()
        ]
        end, number, peer = min(rested, default=(now + 1.0, 0, ("", 0)))
        if end > now:
            raise LocalProtocolError("every channel number is in use or rests")
        del self._resting_of[peer]
        self._rested.pop(number, None)
        return number
