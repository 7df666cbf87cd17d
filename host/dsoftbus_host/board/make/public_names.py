"""What programs may use, read from marks in the sources; and the names that a linked slice keeps.

Two comments say what stands below them in the same block, be it a module, a class or a method: one
that begins with `# Public`, and one that begins with `# Ours`, for words that the project's own
objects have for each other. What an underscore begins is never public. An attribute is what the
statement is that binds it first.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from dsoftbus_host.board.make.slice import of
from dsoftbus_host.board.make.tree import walk

Function = ast.FunctionDef | ast.AsyncFunctionDef
_MARKS = {"# Public": True, "# Ours": False}


class Marks:
    """The marks of one source: which line in which column says what."""

    def __init__(self, text: str) -> None:
        self._found = [
            (number, len(line) - len(line.lstrip()), says)
            for number, line in enumerate(text.splitlines(), 1)
            for mark, says in _MARKS.items()
            if line.lstrip().startswith(mark)
        ]

    def say(self, block: ast.stmt | None, node: ast.stmt, otherwise: bool) -> bool:
        """Returns whether `node` stands below a mark of `block` (None: the module) that lets
        programs have it; `otherwise` is what holds where there is none."""
        first = block.lineno if block else 0
        for number, column, says in reversed(self._found):
            if first < number < node.lineno and column == node.col_offset:
                return says
        return otherwise


# Classes


def members(marks: Marks, kind: ast.ClassDef) -> dict[str, bool]:
    """The attributes and methods of a class, each with whether programs may have it."""
    found: dict[str, bool] = {}
    for part in kind.body:
        public = marks.say(kind, part, True)
        for name in bound_in(part):
            found.setdefault(name, public and name[0] != "_")
        for statement in part.body if isinstance(part, Function) else []:
            inner = marks.say(part, statement, public)
            for name in set_on_self(statement):
                found.setdefault(name, inner and name[0] != "_")
    return found


def bound_in(node: ast.stmt) -> list[str]:
    """The names that a statement of a class or of a module binds there."""
    if isinstance(node, Function | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.ImportFrom):  # what is handed on
        return [alias.name for alias in node.names if alias.asname == alias.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
    return [target.id for target in targets if isinstance(target, ast.Name)]


def set_on_self(node: ast.stmt) -> Iterator[str]:
    for inner in walk(node):
        if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
            yield from [inner.attr] if ast.unparse(inner.value) == "self" else []


# The names that stay

# What programs on a board may import by its name. The rest is for the project's own modules.
PUBLIC = (
    *of("dsoftbus", "const datagram_pump errors identity node pump crypto.suite mux.events"),
    *of("dsoftbus", "session.session mux.stream trust.acl trust.guard trust.invitation"),
    *of("dsoftbus", "trust.store"),
    *of("dsoftbus.service", "caller clock directory status subscriber topic_status topics"),
    *of("dsoftbus_aio", "bus connection echo housekeeping line_discovery peer presence"),
    *of("dsoftbus_aio", "reconnecting_session stream"),
    *of("dsoftbus_aio.services", "calls directory share share_listing subscriptions topics"),
    *of("dsoftbus_mpy", "bare_bus board bus board_minimal device.config device.console crypto"),
    *of(
        "dsoftbus_mpy",
        "console_port entropy folder key_file uart_port loop loop_serial",
    ),
    *of("dsoftbus_mpy", "trust_file watchdog wifi"),
    *of("dsoftbus_mpy.services", "answers publications call_error"),
    *of("dsoftbus_mpy", "node profiles serial discovery device.boot_counter"),
)
# Names without an underscore that these have for each other, and not for programs.
_BETWEEN_US = """
    abandon add_pending admit adopt allow_messages announce_soon answer begin begin_close
    cancel_loan check_open close_delivered confirmed context drive end end_in_order
    end_with_session evicted fail finishing free_id keep_loan late_ms limit_handshake loan
    loan_at next_for_s next_public note_reset note_writable notify on_established on_handshake
    on_released open_port opened parting pending readable_event receive_credit released report
    again_at resize resume room spares stalled
    runtime secure send_handshake streams take_loan time_node turn_evicted turn_if_owed unsaved
    want_writable welcomes
    EAGER abort alike answering at_end begun block_len blocked by_token came causes control
    covers credit declare
    desk drop handshake_hash hash_len news noted notify on_name on_session owes pending_session
    presence_log promises publishing queued recheck refresh revision resumed ring serving strangers
    subscribing tell_updates told under_way validation wake
    """
BETWEEN_US = frozenset(_BETWEEN_US.split())
