"""What travels: every message, packet and credential as bytes and as frozen values."""
