"""The terminal of the commands: what they print, and what a person types."""
