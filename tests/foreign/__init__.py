"""
A client that was written from the documentation alone: with C{docs/wire_protocol.rst}, the
pages that it names and C{docs/vectors}, the standard library and C{cryptography}, and without
anything of gamenet (L{tests.test_vectors_foreign} sees to that).

It is what somebody does who writes a client in another language, so it shows what the pages
leave out.  It is small, not fast, and decides nothing beyond what a peer must.
"""
