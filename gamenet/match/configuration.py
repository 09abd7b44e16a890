"""
What all players of a match must share, setting by setting, and how two of them
differ.
"""

from __future__ import annotations

from hashlib import blake2b

import attrs

from gamenet.errors import RemoteProtocolError
from gamenet.rollback.settings import RollbackSettings
from gamenet.wire.input_frames import INPUT_PACKET_VERSION
from gamenet.wire.peer_packets import DIGEST_BYTES, Terms, TermValue

__all__ = ["Configuration", "ConfigurationDiffers", "Difference"]


@attrs.frozen
class Difference:
    """
    One setting that is not the same.

    @ivar name: Its name, for people.
    @ivar ours: What it is here; C{None} where it is not set.
    @ivar theirs: What it is at the other player's.
    """

    name: str
    ours: TermValue
    theirs: TermValue

    def __str__(self) -> str:
        """Return it as a few words."""
        return f"{self.name} here {_shown(self.ours)}, there {_shown(self.theirs)}"


class ConfigurationDiffers(RemoteProtocolError):
    """
    Another player's game plays by other rules; the match was not begun.  Both sides
    get it.

    @ivar player: The player's number, from 1.
    @ivar differences: What differs, as L{Difference}s; empty where the other side did
        not say, or it is nothing that has a name here: another build of the library.
    """

    def __init__(self, player: int, differences: tuple[Difference, ...]) -> None:
        named = "; ".join(map(str, differences))
        super().__init__(
            f"player {player}'s game plays by other rules than ours: "
            + (named or "compare the versions of both games, of gamenet and the match settings")
        )
        self.player = player
        self.differences = differences


@attrs.frozen
class Configuration:
    """
    What all players of a match must share.

    @ivar digest: 16 bytes, equal for two players exactly if they can play together.
    @ivar terms: The same, one by one.
    """

    digest: bytes
    terms: Terms

    @classmethod
    def of(cls, rollback: RollbackSettings, rules: str) -> Configuration:
        """
        Return what belongs to some settings.

        @param rollback: The session's settings.
        @param rules: The game's own name and version.
        """
        digest = blake2b(rollback.digest() + rules.encode(), digest_size=DIGEST_BYTES).digest()
        last_frame = rollback.last_frame
        fields: dict[str, TermValue] = {
            "both stop": "yes" if rollback.both_stop else "no",
            "checksum interval": rollback.checksum_interval,
            "default input": rollback.default_input.hex(),
            "frame rate": rollback.frame_rate,
            "frames": None if last_frame is None else last_frame + 1,
            "input limit": rollback.input_limit,
            "leaver policy": rollback.leaver_policy.value,
            "lone survivor": "yes" if rollback.lone_survivor else "no",
            "packet layout": INPUT_PACKET_VERSION,
            "players": rollback.players,
            "rules": rules,
            "seating": _seating(rollback.compared_peers),
            "state exchange interval": rollback.state_exchange_interval,
            "state repair": rollback.state_repair.value,
        }
        return cls(digest, Terms(tuple(sorted(fields.items()))))

    def differences(self, theirs: Terms) -> tuple[Difference, ...]:
        """Return what differs between another player's terms and ours, in order of names."""
        here, there = dict(self.terms.fields), dict(theirs.fields)
        names = sorted(here | there)
        return tuple(
            Difference(name, here.get(name), there.get(name))
            for name in names
            if here.get(name) != there.get(name)
        )


def _seating(peers: tuple[tuple[int, ...], ...]) -> str:
    """Return the players of each peer as text."""
    return " | ".join(" ".join(map(str, players)) for players in peers)


def _shown(value: TermValue) -> str:
    """Return a value as text; another player's may hold anything."""
    return "none" if value is None else repr(value)
