"""The large transfers of a rollback session, over the links of a mesh."""

from __future__ import annotations

from collections.abc import Callable, Collection

from gamenet.channel.channel import Channel
from gamenet.channel.session_transfer import ChannelTransfer, ChannelTransferSettings
from gamenet.channel.transfers import Acceptance
from gamenet.wire.channel_values import Offer, RefuseReason

__all__ = ["MeshTransfer"]


class MeshTransfer(ChannelTransfer):
    """
    An L{gamenet.interfaces.ITransfer} whose links are turned when the session is: what it
    has begun leaves as soon as it asks what is due.

    @ivar acceptance: What is asked about offers that are not the session's; C{None}
        refuses them.
    """

    def __init__(
        self, pump: Callable[[int], object], settings: ChannelTransferSettings | None = None
    ) -> None:
        """
        @param pump: Called with a player's number; sends what their channel has to send.
        @param settings: The limits.
        """
        super().__init__(settings)
        self.acceptance: Acceptance | None = None
        self._pump = pump
        self._touched: dict[int, None] = {}

    def use(self, peer: int, channel: Channel) -> None:
        """From now on use a channel for a peer; see L{ChannelTransfer.attach}."""
        self.attach(peer, channel, self._judge)

    def expect(self, contents: Collection[tuple[int, int]]) -> None:
        """Take nothing but what is named from now on; see L{ChannelTransfer.expect}."""
        before = self._expected
        super().expect(contents)
        if self._expected != before:
            self._touched |= dict.fromkeys(self._peers)

    def send(self, peer: int, purpose: int, frame: int, content: bytes, now: float) -> None:
        """Begin to send; see L{ChannelTransfer.send}."""
        super().send(peer, purpose, frame, content, now)
        self._touched[peer] = None

    def cancel(self, peer: int) -> None:
        """End all transfers with a peer; see L{ChannelTransfer.cancel}."""
        super().cancel(peer)
        self._touched[peer] = None

    def packetsDue(self, now: float) -> tuple[tuple[int, bytes], ...]:
        """Turn the channels that something was done with; they send for themselves."""
        touched, self._touched = self._touched, {}
        for peer in touched:
            self._pump(peer)
        return ()

    def _judge(self, offer: Offer) -> RefuseReason | None:
        return RefuseReason.NOT_WANTED if self.acceptance is None else self.acceptance(offer)
