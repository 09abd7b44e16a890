"""The settings of sealing, checked when they are made."""

from __future__ import annotations

import attrs

from gamenet.bounds import seconds, wholeNumber
from gamenet.errors import BadSetting

__all__ = ["SealingSettings"]


@attrs.frozen
class SealingSettings:
    """
    How keys are renewed, and how much a handshake may cost.

    @ivar renewal_interval: Seconds after which the owner of a link renews its keys
        (L{gamenet.sealing.sealed_link.SealedLink.renewKeys}).
    @ivar renewal_packets: Packets after which a link does so unasked.
    @ivar cookie_lifetime: Seconds for which a cookie is good at least; at most it is twice
        that.
    @ivar proofs_per_second: Signatures of returning players that are checked in a second.
    @ivar proofs_burst: How many of them at once.
    @ivar first_retry: Seconds between the first hello and the second.
    @ivar longest_retry: The interval of hellos doubles up to this, in seconds.
    @ivar confirmed_within: Seconds for which a link that a handshake made may bring nothing;
        after them another is asked for.
    @ivar answers_per_hello: Challenges and welcomes that are looked at after each hello.

    @raise BadSetting: A value cannot work; the text says which and why.
    """

    renewal_interval: float = attrs.field(default=600.0, validator=seconds(1.0, 86_400.0))
    renewal_packets: int = attrs.field(default=1 << 20, validator=wholeNumber(1, 1 << 30))
    cookie_lifetime: float = attrs.field(default=10.0, validator=seconds(1.0, 60.0))
    proofs_per_second: int = attrs.field(default=10, validator=wholeNumber(1, 1000))
    proofs_burst: int = attrs.field(default=20, validator=wholeNumber(1, 1000))
    first_retry: float = attrs.field(default=0.2, validator=seconds(0.01, 10.0))
    longest_retry: float = attrs.field(default=2.0, validator=seconds(0.01, 60.0))
    confirmed_within: float = attrs.field(default=3.0, validator=seconds(0.1, 60.0))
    answers_per_hello: int = attrs.field(default=32, validator=wholeNumber(2, 1000))

    def __attrs_post_init__(self) -> None:
        if self.first_retry > self.longest_retry:
            raise BadSetting("first_retry must not be longer than longest_retry")
