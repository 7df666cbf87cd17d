"""A bridge: it leads from the network to a board that has only a cable, and back (docs/bridge.md).

`channels` and `relay` are what passes, `herald` is who hears of whom: neither touches a socket.
`bridge` drives them.
"""
