"""A device's own side: its configuration, its start, its files."""
