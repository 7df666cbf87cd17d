"""The log of a node hears what its program prints, which goes where it went before."""

import asyncio
import io

from dsoftbus_mpy.base.display import print_error
from dsoftbus_mpy.services.output import Output
from support import Skip

PRINT = print
run = getattr(asyncio, "run", None)  # WebAssembly's port has a loop that a page drives


class Told:
    """Stands for the log; `begin` replaces `print`, `end` puts it back."""

    def __init__(self):
        self.lines = []
        self._rest = b""

    def add(self, text, level=1):
        lines = (self._rest + bytes(text)).split(b"\n")
        self._rest = lines.pop()
        self.lines += [(level, line.decode()) for line in lines]


def heard(program) -> list:
    told = Told()
    output = Output(told)
    try:
        program()
    finally:
        output.close()
    assert print is PRINT
    return told.lines


def test_what_is_printed_is_heard_as_it_was_printed():
    def program():
        print("one", 2, None)
        print("a", "b", sep="-", end="!\n")
        print("without an end", end="")
        print("")

    assert heard(program) == [(1, "one 2 None"), (1, "a-b!"), (1, "without an end")]


def test_what_goes_to_a_file_is_not_printed():
    out = io.StringIO()
    assert heard(lambda: print("x", file=out)) == []
    assert out.getvalue() == "x\n"


class Chatty:
    def __str__(self):
        print("while it is printed")
        return "itself"

    __repr__ = __str__


def test_what_prints_while_it_is_printed_makes_no_circle():
    lines = heard(lambda: print(Chatty()))
    assert (1, "itself") in lines and len(lines) <= 3


class Failing(Told):
    def add(self, text, level=1):
        raise MemoryError


def test_a_lack_of_memory_costs_a_line_and_no_program():
    output = Output(Failing())
    try:
        print("x")
    finally:
        output.close()


def test_an_error_is_heard_as_one():
    def program():
        try:
            raise ValueError("wrong")
        except ValueError as error:
            print_error(error)

    lines = heard(program)
    assert lines[-1] == (3, "ValueError: wrong") and len(lines) > 1
    assert all(level == 3 for level, _ in lines)


def test_an_error_that_no_task_of_the_program_has_caught_is_heard():
    if run is None:
        raise Skip("this port runs no loop")

    async def fails():
        raise ValueError("in a task")

    async def program():
        asyncio.get_event_loop().set_exception_handler(None)
        told = Told()
        output = Output(told)
        task = asyncio.create_task(fails())
        await asyncio.sleep_ms(1)
        output.close()
        assert task.done() and (3, "ValueError: in a task") in told.lines

    run(program())


def test_a_handler_of_the_programs_own_stays():
    if run is None:
        raise Skip("this port runs no loop")

    async def program():
        def own(_loop, _context):
            pass

        loop = asyncio.get_event_loop()
        loop.set_exception_handler(own)
        Output(Told()).close()
        assert loop.get_exception_handler() is own
        loop.set_exception_handler(None)

    run(program())
