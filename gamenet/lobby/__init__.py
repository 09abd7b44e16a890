"""The place where players meet: presence, sessions, match tickets."""
