"""
C{gamenet inspect}: match logs as a page to look at.

Everything in a log may have been written by somebody else: it is read within bounds, and
whatever of it reaches the page is escaped.
"""

__all__: list[str] = []
