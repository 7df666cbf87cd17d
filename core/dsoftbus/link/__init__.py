"""Floor 2: records of stream links, serial framing, packet protection, reliability."""
