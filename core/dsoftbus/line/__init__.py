"""Serial lines: frames, fragments, and a port as a datagram link."""
