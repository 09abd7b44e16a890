"""What travels: every message, packet and credential as bytes and as frozen values."""

__all__: list[str] = []
