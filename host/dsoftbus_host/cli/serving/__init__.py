"""A command that serves until it is ended: what it prints meanwhile, and what ends it."""
