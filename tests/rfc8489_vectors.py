"""
The test vector of RFC 8489, appendix B.1, as printed and as its erratum 6268 has it.
"""

from __future__ import annotations

__all__ = [
    "NONCE_TEXT",
    "PASSWORD",
    "PRINTED_REQUEST",
    "REALM_TEXT",
    "REQUEST",
    "TRANSACTION_ID",
    "USERNAME_TEXT",
]

USERNAME_TEXT = "\u30de\u30c8\u30ea\u30c3\u30af\u30b9"
PASSWORD = "TheMatrIX"
REALM_TEXT = "example.org"
NONCE_TEXT = b"obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA"
TRANSACTION_ID = bytes.fromhex("78ad3433c6ad72c029da412e")

_IDENTITY = (
    "001e00204a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704"
    "001500296f624d61744a6f733241414143662f2f3439396b39353464364f4c33"
    "346f4c39465354767936347341000000"
    "0014000b6578616d706c652e6f726700"
)

# Erratum 6268
REQUEST = bytes.fromhex(
    "000100902112a44278ad3433c6ad72c029da412e"
    + _IDENTITY
    + "001d000400020000"
    + "001c0020b5c7bf005b6c52a21c51c5e892f81924136296cb927c43149309278cc6518e65"
)

# As printed: its length is that of eight words more than there are
PRINTED_REQUEST = bytes.fromhex(
    "0001009c2112a44278ad3433c6ad72c029da412e"
    + _IDENTITY
    + "001c0020e4686c8f0edeb59013e07090010a93efccbccc544c0a45d9f830aa6d6f735a01"
)
