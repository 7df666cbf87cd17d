"""Errors as people read them: first in words, then the stable label, for logs and for searching.

    hall has not paired with this node (trust.reject.not_paired)

`{peer}` stands for the peer as the person called it. Every label has its words here, and some have
advice: what a person can do about it.
"""

from __future__ import annotations

from dsoftbus import errors as e
from dsoftbus.base.sleep_times import planned_s
from dsoftbus.errors import BusError, LocalError, label
from dsoftbus.identity import looks_like_id
from dsoftbus.service import status, topic_status
from dsoftbus.service.status import CallError
from dsoftbus.service.topic_status import TopicError
from dsoftbus_aio.sleepers import spoken
from dsoftbus_host.display import shown
from dsoftbus_host.update import errors as update

SOMEBODY = "the peer"

WORDS = {
    e.INVALID_STATE_TRANSITION: "{peer} sent what does not belong there",
    e.STALE_REPLY: "{peer} answered what nobody had asked",
    e.OVERSIZE: "{peer} sent more than fits",
    e.UNAUTHENTICATED: "what came from {peer} is not proved to be from there",
    e.IDENTITY_SPOOF: "{peer} pretended to be another",
    e.MALFORMED: "{peer} sent what makes no sense",
    e.INVALID_NAME: "{peer} sent a name that is none",
    e.DECRYPT_FAILED: "{peer} has another key than expected",
    e.LOW_ORDER_POINT: "the key of {peer} is no good",
    e.NONCE_EXHAUSTED: "too much was sent with one key",
    e.UNSUPPORTED_SUITE: "{peer} lacks the cipher suite",
    e.UNSUPPORTED_VERSION: "{peer} speaks another version of the protocol",
    e.FRAME_OVERSIZE: "{peer} sent a frame that is too large",
    e.INVALID_STREAM_STATE: "{peer} sent on a stream what does not belong there",
    e.WINDOW_CREDIT: "{peer} sent more than it had credit for",
    e.UNKNOWN_STREAM_FRAME: "{peer} sent on a stream that is not there",
    e.UNAUTHENTICATED_SESSION: "{peer} sent before the session was there",
    e.STREAM_LIMIT: "too many streams are open",
    e.DUPLICATE_STREAM_NAME: "one stream of that name is open already",
    e.INVALID_STREAM_NAME: "that is no name of a stream",
    e.MESSAGE_OVERSIZE: "the message is too large",
    e.STREAM_KIND_MISMATCH: "{peer} has a stream of another kind under that name",
    e.STREAM_CANCELLED: "{peer} stopped in the middle",
    e.STREAM_REFUSED: "{peer} does not take that",
    e.NO_SUCH_SERVICE: "{peer} has nothing of that name",
    e.HANDLER_FAILED: "the program at {peer} failed",
    e.FILE_EXISTS: "{peer} has a file of that name already",
    e.SHARE_CHANGED: "the file changed while it was sent",
    e.SHARE_NO_SPACE: "{peer} has no space left for the file",
    e.SHARE_QUOTA: "the file is more than the folder of {peer} may hold",
    e.SHARE_BUSY: "somebody is storing a file of that name at {peer} now",
    e.LINE_VERSION: "the node on the cable is of another version",
    e.END_LOCAL: "this side ended the session",
    e.END_PEER: "{peer} ended the session",
    e.END_KEEPALIVE: "{peer} has fallen silent",
    e.END_HANDSHAKE_TIMEOUT: "{peer} did not answer in time",
    e.END_LINK_DOWN: "no connection to {peer}",
    e.END_INTERNAL: "a fault of the program ended the session",
    e.END_NO_MEMORY: "there was not enough memory for the session",
    e.END_REFUSED: "{peer} refused the session",
    e.PEER_NOT_ALLOWED: "{peer} does not allow this node's key",
    e.TOKEN_REQUIRED: "{peer} lets nobody in without its token",
    e.HALF_OPEN_LIMIT: "{peer} has too many handshakes under way",
    e.SESSION_LIMIT: "{peer} has no room for another session",
    e.HANDSHAKE_BUDGET: "{peer} is asked for too many sessions now",
    e.REPLAYED_OPENING: "{peer} has seen this opening before",
    e.PEER_SHARE: "this peer has too many sessions",
    e.OTHER_KEY: "{peer} is there with another key",
    e.BAD_ARGUMENT: "that makes no sense",
    e.WOULD_BLOCK: "not now: it would have to wait",
    e.BAD_STATE: "that is not possible now",
    e.ENTROPY_UNAVAILABLE: "this machine gives no random bytes",
    e.KEY_FILE: "the key file cannot be used",
    e.UNSUPPORTED: "this platform cannot do that",
    e.ANNOUNCE_MAGIC: "that is no announcement",
    e.ANNOUNCE_VERSION: "the announcement is of another version",
    e.ANNOUNCE_TRUNCATED: "the announcement is cut short",
    e.ANNOUNCE_INVALID: "the announcement makes no sense",
    e.ANNOUNCE_UTF8: "the announcement holds no text",
    e.ANNOUNCE_OVERSIZE: "the announcement is too large",
    e.ANNOUNCE_LIFETIME: "the announcement has a lifetime that is none",
    e.ANNOUNCE_REPLAYED: "the announcement is an old one",
    e.ANNOUNCE_RATE: "announcements come too fast",
    e.IDENTITY_MISMATCH: "the announcement names another's id",
    e.PEER_TABLE_FULL: "the table of peers is full",
    e.STALE_PEER: "{peer} is not heard here",
    e.CONNECT_BACKOFF: "{peer} failed before: the next attempt waits a little",
    e.HANDSHAKE_RATE: "{peer} was tried too often: the next attempt waits a little",
    e.PEER_ASLEEP: "{peer} is asleep",
    e.CLONED_KEY: "another node has the same key",
    e.NOT_PAIRED: "{peer} has not paired with this node",
    e.OUTSIDE_ACL: "{peer} does not grant this node that",
    e.WRONG_CODE: "the digits are not the same",
    e.COMMITMENT_MISMATCH: "{peer} did not keep to what it had committed to",
    e.PAIRING_CLOSED: "{peer} takes no pairings now",
    e.PAIRING_LIMIT: "too many pairings were tried: later again",
    e.PAIRING_TIMEOUT: "nobody paired in time",
    e.PAIRING_CANCELLED: "a person said no, or went away",
    e.NEXT_KEY_UNPROVEN: "{peer} announced a key that it has not",
    e.TRUST_REVOKED: "{peer} is not trusted any more",
    e.STORE_DAMAGED: "the trust store is damaged",
    e.STORE_FULL: "the trust store is full",
    e.BAD_PAIRING_URI: "that is no invitation",
    e.BAD_GROUP_TOKEN: "that is no token of a group",
    e.BROKER_GONE: "the broker does not answer",
    e.BROKER_REFUSED: "the broker refused this node",
    e.AMBIGUOUS_NAME: "several have that name",
    e.NEXT_KEY_RATE: "{peer} changes its next key too often",
    e.STORE_BUSY: "another program is writing the trust store",
    e.WIFI_NO_NETWORK: "the network is not there",
    e.WIFI_WRONG_PASSWORD: "the password of the network is wrong",
    e.WIFI_REFUSED: "the network refused this board",
    e.WIFI_TIMEOUT: "the network did not answer in time",
    e.WIFI_LOST: "the network is gone",
    e.WIFI_DRIVER: "the driver of the Wi-Fi failed",
    e.CLOCK_NOT_KNOWN: "{peer} does not know the time",
    e.CLOCK_STEP: "the clocks are too far apart for one to follow the other",
    e.RESUME_UNKNOWN: "{peer} does not have the ticket any more",
    e.RESUME_SPENT: "the ticket of the last session with {peer} has been used",
    e.RESUME_EXPIRED: "the ticket of the last session with {peer} has expired",
    e.RESUME_REVOKED: "access has changed since the last session with {peer}",
    e.UPDATE_BUSY: "{peer} is being updated by somebody else",
    e.UPDATE_TRIAL: "a version is on trial at {peer}, and waits for its confirmation",
    e.UPDATE_VERSION: "{peer} runs that version or a higher one",
    e.UPDATE_SAME: "{peer} runs this very version",
    e.UPDATE_NO_SPACE: "the flash of {peer} has no room for it",
    e.UPDATE_MANIFEST: "{peer} does not take the list of files",
    e.UPDATE_FILE: "a file at {peer} is not as the list of files says",
    e.UPDATE_STATE: "{peer} has nothing of that to do",
    status.ERROR: "{peer} answered with error",
    status.NO_METHOD: "{peer} answers no call of that name",
    status.DENIED: "{peer} does not allow this node that call",
    status.BUSY: "{peer} has as many calls under way as it takes",
    status.LATE: "{peer} did not answer the call in time",
    status.CANCELLED: "{peer} has cancelled the call",
    status.TOO_LARGE: "the value is too large, or the answer",
    status.FAILED: "the program at {peer} failed in this call",
    status.BAD_VALUE: "that is no value of a call",
    status.NOT_MADE: "the session with {peer} ended before the call was made",
    topic_status.UNSUBSCRIBED: "the subscription has ended",
    topic_status.DENIED: "{peer} does not allow this node that topic",
    topic_status.BUSY: "{peer} has as many subscriptions as it takes",
    topic_status.BAD_FILTER: "that is no filter of topics",
    topic_status.TOO_MANY: "there are more topics than this node keeps count of",
    topic_status.TOO_LARGE: "{peer} published a value that is too large for this node",
    status.UNKNOWN: "the session with {peer} ended: whether the call was done is not known",
    update.NO_UPDATES: "{peer} takes no updates",
    update.NOT_ALLOWED: "{peer} does not let this node update it",
    update.OWN_RULES: "this node's own rules do not let it update {peer}",
    update.STALLED: "{peer} took no more of a file",
    update.TAKEN_BACK: "{peer} tried it, and came back with the version before",
    update.NO_RETURN: "{peer} did not come back from its restart in time",
    update.NO_OTHER: "{peer} has no whole version to go back to",
}

_NEW_KEY = (
    "Over its cable `dsoftbus board token PORT` trusts a board with a new key. Any other node"
    " shows its id with `dsoftbus id`, and `dsoftbus pair ID` pairs with it; `dsoftbus unpair`"
    " forgets the key before."
)
ADVICE = {
    e.DECRYPT_FAILED: "Somebody in between may say so, too. " + _NEW_KEY,
    e.OTHER_KEY: "Anyone may call itself so: is it the same node, with a new key? " + _NEW_KEY,
    e.PEER_NOT_ALLOWED: "It takes it with `--allow KEY`; `dsoftbus id` shows the key.",
    e.NOT_PAIRED: "`dsoftbus pair` on both sides pairs this node with it.",
    e.OUTSIDE_ACL: "There `dsoftbus allow` grants it; `dsoftbus peers` shows the grants.",
    e.STALE_PEER: "`dsoftbus discover` shows who is there; `--peer HOST` asks one address.",
    e.FILE_EXISTS: "It stays as it is; `--replace` puts another in its place.",
    status.DENIED: "There `dsoftbus allow` grants it, as `call/NAME`.",
    topic_status.DENIED: "There `dsoftbus allow` grants it, as `topic/NAME`.",
    status.LATE: "Does it take longer? `--timeout` waits for it.",
    e.UPDATE_BUSY: "The same command later finds it free.",
    e.UPDATE_TRIAL: "Once that is confirmed or has gone back, the same command goes on.",
    e.UPDATE_VERSION: "`--version` names a higher one; `--force` puts a lower one there, too.",
    e.UPDATE_NO_SPACE: "Fewer or smaller files fit; `dsoftbus board ls` shows what lies there.",
    update.NO_UPDATES: "A board takes some by `dsoftbus board config PORT updates=true`.",
    update.NOT_ALLOWED: "The right is `update`, as a whole word: a board grants it over its cable,"
    ' `dsoftbus board token PORT --grant "allow both *" --grant "allow in update"`; a host by'
    " `dsoftbus allow PEER update` there.",
    update.OWN_RULES: "Here `dsoftbus allow PEER update --direction out` grants it.",
    update.TAKEN_BACK: "`dsoftbus logs` shows what it printed; a version that is mended has to be"
    " higher than the one that runs.",
    update.NO_RETURN: "It goes back by itself where the new version is of no use; `dsoftbus"
    " versions` shows which one it runs, and the same command again goes on.",
    e.END_LINK_DOWN: "Is it running, and is this its address?",
    e.END_HANDSHAKE_TIMEOUT: "Is this the address of a node, and does it have the expected key? "
    + _NEW_KEY,
}


def reason(code: int, peer: str = "") -> str:
    """Returns the reason for an end or a refusal, as `words (label)`."""
    return f"{_words(code, peer)} ({label(code)})"


def said(error: BusError | OSError, peer: str = "", what: str = "") -> str:
    """An error as people read it. `what` names the one of several things that it was. The label
    follows the first line, where there are more."""
    if not isinstance(error, BusError):
        return _named(what, _of_the_system(error))
    first, *rest = _named(what, _sentence(error, peer, what)).split("\n")
    return "\n".join([f"{first} ({_labels(error)})", *rest])


def advice(error: BusError | OSError) -> str:
    """Returns the advice for a person, or "": by the reason of the peer where it gave one."""
    return ADVICE.get(_cause(error), "")


def _named(what: str, text: str) -> str:
    return text if not what or text.startswith(what) else f"{what}: {text}"


def _cause(error: BusError | OSError) -> int:
    return _peer_code(error) or getattr(error, "code", 0)


def _peer_code(error: BusError | OSError) -> int:
    """The peer's reason, or 0, as where it only says that it was the one to end the session."""
    code: int = getattr(error, "peer_code", 0)
    return 0 if code == e.END_LOCAL else code


def _sentence(error: BusError, peer: str, what: str) -> str:
    if isinstance(error, CallError):
        return _called(error, peer)
    detail = error.detail
    if what and detail.endswith(f"/{what}"):
        detail = ""  # the stream's name
    if isinstance(error, LocalError) and " " in detail:
        return detail  # a sentence of its own
    code = error.code if error.code == e.OTHER_KEY else _cause(error)
    if peer:
        detail = detail.removeprefix(f"{peer}: ")
    words = _words(code, peer)
    if seconds := planned_s(_peer_code(error)):
        words = f"{peer or SOMEBODY} sleeps now, for about {spoken(seconds)}"
    if _peer_code(error):  # which speaks of what came from here
        words = words.replace(
            f"{peer or SOMEBODY} sent", f"{peer or SOMEBODY} says that this node sent"
        )
    return words if not detail or detail == peer or looks_like_id(detail) else f"{words}: {detail}"


def _called(error: CallError, peer: str) -> str:
    """One sentence, whatever the peer's program has said."""
    words = _words(error.code, peer)
    if error.code == status.ERROR:
        words += f" {error.number}"
    return f"{words}: {shown(error.detail)}" if error.detail else words


def _labels(error: BusError) -> str:
    """The label of the cause; of both where a refusal is explained by more than the refusal."""
    if isinstance(error, (CallError, TopicError, update.UpdateError)):
        return error.label
    peer_code = _peer_code(error)
    codes = dict.fromkeys((error.code, peer_code or error.code))
    if peer_code:
        for plain in (e.END_REFUSED, e.END_PEER):
            codes.pop(plain, None)
    return ", ".join(map(label, codes))


def _words(code: int, peer: str) -> str:
    return WORDS.get(code, "{peer} gave a reason that is not known here").format(
        peer=peer or SOMEBODY
    )


def _of_the_system(error: OSError) -> str:
    if error.filename is None or not error.strerror:
        return error.strerror or str(error)
    return f"{error.filename}: {error.strerror}"
