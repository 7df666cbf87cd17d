"""Names the build of the core that this process runs: the compiled one, or the files' own."""

from __future__ import annotations

from importlib import machinery, metadata

from dsoftbus.mux import mux  # one that is compiled where any is


def loaded_core() -> str:
    """ "compiled by mypyc" or "Python"."""
    is_compiled = isinstance(mux.__loader__, machinery.ExtensionFileLoader)
    return "compiled by mypyc" if is_compiled else "Python"


def version() -> str:
    """The project's version and its core, as `dsoftbus --version` says them."""
    return f"dsoftbus {metadata.version('dsoftbus')} (core: {loaded_core()})"
