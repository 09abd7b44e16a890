"""
Fuzz targets: bytes that become what a hostile network does.

Bounded runs of them are among the tests; the long ones are started by hand.
"""
