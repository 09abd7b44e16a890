"""
The fuzz targets of the relay, for hours.

Needs C{atheris}, which nothing else here does: C{pip install atheris}.  From the top of the
source tree::

    python -m tests.fuzz.fuzz_relay server -max_total_time=600
    python -m tests.fuzz.fuzz_relay codec -max_total_time=600 -max_len=2000

What follows the target is libFuzzer's: a folder keeps what it learns, and a file is played
alone.  What C{-runs=N} finds is a file C{crash-...}: put its bytes into a test.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

__all__ = ["main"]

_USAGE = "usage: python -m tests.fuzz.fuzz_relay server|codec [libFuzzer's arguments]"


def main(arguments: list[str]) -> None:
    """
    Fuzz until somebody stops it.

    @param arguments: The target, and what is libFuzzer's.
    """
    if not arguments or arguments[0] not in ("server", "codec"):
        raise SystemExit(_USAGE)
    try:
        import atheris  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        raise SystemExit("atheris is missing: pip install atheris") from None
    targets = _targets(atheris)
    atheris.Setup([sys.argv[0], *arguments[1:]], targets[arguments[0]])
    atheris.Fuzz()


def _targets(atheris: Any) -> dict[str, Callable[[bytes], None]]:
    """Return the targets by name; what they run is instrumented."""
    with atheris.instrument_imports(include=["gamenet.relay", "gamenet.wire"]):
        from tests.fuzz.codec_play import framed, playCodec
        from tests.fuzz.relay_play import RelayPlay

    def server(data: bytes) -> None:
        RelayPlay().play(data)

    def codec(data: bytes) -> None:
        playCodec(data)
        playCodec(framed(data))

    return {"server": server, "codec": codec}


if __name__ == "__main__":
    main(sys.argv[1:])
