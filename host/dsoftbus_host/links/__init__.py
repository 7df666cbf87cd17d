"""Links on asyncio's loop: TCP, UDP, serial lines."""
