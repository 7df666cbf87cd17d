"""The asyncio layer: the bus, its sessions and streams, on CPython's asyncio and MicroPython's.

It imports the core and `asyncio`. A port gives it the rest: see `runtime`.
"""
