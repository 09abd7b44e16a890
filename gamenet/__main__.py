"""
C{python -m gamenet}, for where the C{gamenet} command is not on the path.
"""

from __future__ import annotations

import sys

from gamenet.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
