"""Records of stream links, and their protection."""
