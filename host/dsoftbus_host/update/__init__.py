"""Updates over the air, the updater's side: one peer's way to new files, and several at once."""
