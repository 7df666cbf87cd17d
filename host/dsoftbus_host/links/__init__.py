"""Links on asyncio's loop: TCP, UDP, QUIC, WebSockets, serial lines."""
