"""Updates over the air: slots, manifests, trials (docs/updates.md)."""
