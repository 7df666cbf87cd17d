"""Floor 4: who is trusted, how trust begins and moves, and what it allows."""
