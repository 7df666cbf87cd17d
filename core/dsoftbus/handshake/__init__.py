"""The beginning of a session: Noise, HELLO, the budget of openings."""
