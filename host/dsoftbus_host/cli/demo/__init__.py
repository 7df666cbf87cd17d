"""The bus without a peer of one's own: the demo, and the simulator with its charts."""
