"""Updates, as tests of both backends look at them."""


async def next_of(updates):
    """(topic, value, lost) of the next update."""
    update = await updates.__anext__()
    return update.topic, update.value, update.lost


async def over(updates) -> None:
    """No update follows."""
    try:
        update = await updates.__anext__()
    except StopAsyncIteration:
        return
    raise AssertionError(update.topic)
