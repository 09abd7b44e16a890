"""
C{twistd}, as a child of the demo: the real thing, except that it ends when the
demo does.

C{python -m gamenet.demo.twistd_child DIRECTORY [twistd's own options]}
"""

from __future__ import annotations

import sys

from twisted.scripts.twistd import run

from gamenet.demo.orphans import dieWithParent, leaveTerminal

__all__ = ["main"]


def main() -> None:
    """Run C{twistd} on the rest of the command line."""
    leaveTerminal()
    dieWithParent(sys.argv.pop(1))
    sys.argv[0] = "twistd"
    run()


if __name__ == "__main__":
    main()
