"""Random bytes out of hardware noise."""
