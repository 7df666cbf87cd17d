"""MicroPython's WebAssembly port for a whole run of pytest: one node, in which each job has an
interpreter of its own (tests/wasm/server.mjs)."""

import json
import subprocess
import threading

import pytest

import portable

SCRIPT = portable.TESTS / "wasm" / "server.mjs"


class Server:
    """Starts with the first job, and again after one that ended it."""

    def __init__(self) -> None:
        self._node = None

    def output_of(self, what: str, job: str, *args: str) -> str:
        """Returns what the job printed; the test fails with it if the job fails or does not end.
        `what` names it there, `job` is a file beside server.mjs, or its address."""
        node = self._running()
        late = threading.Event()
        end = threading.Timer(portable.TIMEOUT_S, lambda: (late.set(), node.kill()))
        end.start()
        try:
            status, output = exchanged(node, {"job": job, "args": args})
        finally:
            end.cancel()
        if late.is_set():
            output += f"not done after {portable.TIMEOUT_S} s\n"
        if status != 0:
            pytest.fail(f"{what}:\n{output}", pytrace=False)
        return output

    def _running(self) -> subprocess.Popen:
        if self._node is not None and self._node.poll() is not None:
            self.close()
        if self._node is None:
            command = ["node", str(SCRIPT), portable.wasm_port(), str(portable.VECTORS)]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            self._node = subprocess.Popen(command, stderr=subprocess.STDOUT, **pipes)
        return self._node

    def close(self) -> None:
        """By a signal: see server.mjs."""
        if self._node is not None:
            self._node.kill()
            self._node.communicate()
            self._node = None


def exchanged(node: subprocess.Popen, request: dict) -> tuple:
    """Returns the exit status of a job, or of node where that ended with it, and the output."""
    node.stdin.write(json.dumps(request) + "\n")
    node.stdin.flush()
    output = ""
    for line in node.stdout:
        try:
            answer = json.loads(line)
        except ValueError:
            answer = {"line": line.rstrip()}  # node's own words
        if "exit" in answer:
            return answer["exit"], output
        output += answer["line"] + "\n"
    return node.wait(), f"{output}node ended\n"
