"""
The tests of gamenet.

Where C{CI} is set, hypothesis draws the same examples every time, so that a change is
judged by what it changes; elsewhere it goes on looking for new ones.
"""

import os
from importlib.util import find_spec

if os.environ.get("CI") and find_spec("hypothesis") is not None:
    from hypothesis import settings

    settings.register_profile("ci", derandomize=True, deadline=None)
    settings.load_profile("ci")
