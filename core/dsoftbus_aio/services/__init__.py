"""Services for programs on asyncio: calls, topics, the directory and the clock."""
