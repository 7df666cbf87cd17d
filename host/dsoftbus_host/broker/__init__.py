"""Groups of this host: their broker, the link that leads through it, and their cards."""
