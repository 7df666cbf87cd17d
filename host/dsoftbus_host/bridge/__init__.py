"""A bridge: it leads from the network to a board that has only a cable, and back (docs/bridge.md).

`channel_table` and `relay` are what passes, `announcements` who hears of whom: neither touches a
socket. `bridge` drives them.
"""
