"""Trust: whom it covers, how it begins and moves, and what it allows."""
