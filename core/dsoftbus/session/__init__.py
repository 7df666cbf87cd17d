"""Floor 3: from handshake to established to closed; streams, credit, priority, keepalive."""
