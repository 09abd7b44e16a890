"""The STUN and TURN server, and our own TURN client."""
