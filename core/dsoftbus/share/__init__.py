"""Share: files that peers store and fetch, with marks of what was cut (docs/share.md)."""
