"""The `asyncio.run` that CPython had before 3.11; as a program, the command `dsoftbus` with it.

It gives Ctrl-C no meaning of its own, and then cancels every task at once, in an order that
differs from run to run. Here the youngest tasks come first, which suits their bus the least.
"""

import asyncio


class Tasks:
    """Makes a loop's tasks, and knows them by age."""

    def __init__(self) -> None:
        self._born = []

    def __call__(self, loop, coroutine, **words):
        task = asyncio.Task(coroutine, loop=loop, **words)
        self._born.append(task)
        return task

    def cancel_all(self, loop) -> None:
        left = [task for task in reversed(self._born) if not task.done()]
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))


def run(main):
    """Follows asyncio/runners.py of CPython 3.10."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    tasks = Tasks()
    loop.set_task_factory(tasks)
    try:
        return loop.run_until_complete(main)
    finally:
        tasks.cancel_all(loop)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        asyncio.set_event_loop(None)
        loop.close()


if __name__ == "__main__":
    from dsoftbus_host.cli.command import main

    asyncio.run = run
    main()
