"""Sessions on links of each kind, from their first message to their one closing event."""
