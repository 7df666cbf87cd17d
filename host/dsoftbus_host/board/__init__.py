"""Boards: what is put on them, how it gets there, and what it costs."""
