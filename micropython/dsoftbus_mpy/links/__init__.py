"""Links and their sockets: TCP and UDP."""
