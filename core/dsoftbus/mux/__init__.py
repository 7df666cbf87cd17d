"""Many streams over one session: frames, credit, priority, keepalive."""
