"""Requests of an MQTT world, and their answers, as JSON (docs/gateway.md)."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from dsoftbus.errors import BusError
from dsoftbus.service.status import ERROR, CallError
from dsoftbus_host import json_values

REQUEST_MAX = 65536  # bytes of a payload
ANSWER_MAX = 262144
TIMEOUT_MS = 5000
TIMEOUT_MAX_MS = 600_000
_ID_MAX = 128
_FIELDS = {"id", "value", "timeout_ms", "response_topic"}

# Why a request was not even made; the label is `gateway.reject.` and the word.
NO_JSON = "no_json"
TOO_LARGE = "too_large"
BAD_REQUEST = "bad_request"
NO_SUCH_NODE = "no_such_node"
NO_SUCH_CALL = "no_such_call"
NO_SUCH_LIGHT = "no_such_light"
BUSY = "busy"
MOVED = "moved"
_TEXTS = {
    NO_JSON: "the payload is no JSON",
    TOO_LARGE: f"a payload has at most {REQUEST_MAX} bytes",
    NO_SUCH_NODE: "no gateway here speaks for a node of that name",
    NO_SUCH_CALL: "that is the name of no call",
    NO_SUCH_LIGHT: "that is the name of no light",
    BUSY: "too many requests for this node",
    MOVED: "another gateway speaks for this node now; the call was not made",
}


class Request(NamedTuple):
    """A payload asks for this. `id` is for the asker alone, and comes back with the answer."""

    id: Any
    value: Any
    timeout_ms: int
    response_topic: Any


class Refusal(Exception):
    """A request that is not made: `word` says why, and `id` whose it is, as far as is known."""

    def __init__(self, word: str, text: str = "", id: Any = None) -> None:
        super().__init__(word, text)
        self.word = word
        self.text = text or _TEXTS[word]
        self.id = id


def parsed(payload: bytes) -> Request:
    """The request: an object with `id` or `value` and no fields but those of a request, or any
    other JSON, which is the value itself. Raises Refusal."""
    if len(payload) > REQUEST_MAX:
        raise Refusal(TOO_LARGE)
    try:
        found = json_values.parsed(payload.decode())
    except UnicodeDecodeError:
        raise Refusal(NO_JSON) from None
    except BusError as error:
        raise Refusal(NO_JSON, error.detail) from None
    if isinstance(found, dict) and {"id", "value"} & found.keys() and found.keys() <= _FIELDS:
        return _request(found)
    return Request(None, found, TIMEOUT_MS, None)


def _request(found: dict[str, Any]) -> Request:
    mark = found.get("id")
    if not (mark is None or type(mark) is int or (isinstance(mark, str) and len(mark) <= _ID_MAX)):
        raise Refusal(BAD_REQUEST, f"id is a number, or a text of at most {_ID_MAX} characters")
    timeout = found.get("timeout_ms", TIMEOUT_MS)
    if type(timeout) is not int or not 0 < timeout <= TIMEOUT_MAX_MS:
        raise Refusal(BAD_REQUEST, f"timeout_ms is from 1 to {TIMEOUT_MAX_MS}", mark)
    return Request(mark, found.get("value"), timeout, found.get("response_topic"))


def answered(mark: Any, value: Any) -> bytes:
    """The answer with the value of a call."""
    try:
        said = {"id": mark, "status": "ok", "value": json_values.plain(value)}
        payload = json.dumps(said, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError):  # a value that JSON cannot say
        return refused(mark, Refusal(BAD_REQUEST, "the value of this answer is no JSON"))
    if len(payload) <= ANSWER_MAX:
        return payload
    return refused(mark, Refusal(TOO_LARGE, f"the answer has more than {ANSWER_MAX} bytes"))


def failed(mark: Any, error: BusError) -> bytes:
    """The answer of a call that has no value."""
    if not isinstance(error, CallError):
        return _said(mark, "absent", None, error.label, error.detail)
    code = error.number if error.code == ERROR else None
    return _said(mark, error.label.partition(".")[2], code, error.label, error.detail)


def refused(mark: Any, why: Refusal) -> bytes:
    """The answer to a request that was not made."""
    return _said(mark, why.word, None, f"gateway.reject.{why.word}", why.text)


def _said(mark: Any, status: str, code: int | None, label: str, text: str) -> bytes:
    said = {"id": mark, "status": status, "code": code, "label": label, "text": text}
    return json.dumps(said).encode()
