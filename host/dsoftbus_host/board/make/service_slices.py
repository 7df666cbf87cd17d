"""The slices of services: `slices` has them among all."""

from __future__ import annotations

from dsoftbus_host.board.make.slice import Slice, of

_AIO = "dsoftbus_aio.services"
_MPY = "dsoftbus_mpy.services"
# Those of a node with the Bus, which are loaded when a program asks for them.
ON_BOARDS = (
    *("answering", "calls", "topics", "subscriptions"),
    *("directory", "presence", "clock", "sending", "update-gate"),
    *("log", "log-reader", "log-watch", "console-gate"),
)
SLEEPER = ("sleeper", "sleeper-topics", "goodbye", "resuming")  # a bus that sleeps
SERVICES = {
    "values": Slice(
        "values of services, in CBOR", ("core",), of("dsoftbus.service", "__init__ values")
    ),
    "pieces": Slice(
        "messages of services, in as many pieces as they need",
        ("messages", "values"),
        (*of("dsoftbus.service", "pieces"), _AIO, _MPY),
    ),
    "call-labels": Slice(
        "what people see of a call's status", ("call-words",), ("dsoftbus.service.call_labels",)
    ),
    "call-words": Slice(
        "what callers and callees share",
        ("pieces",),
        (
            *of("dsoftbus.service", "status call_messages call_side"),
            f"{_MPY}.call_error",
        ),
        ("call-labels",),
    ),
    "callee": Slice("calls that are answered", ("call-words",), ("dsoftbus.service.callee",)),
    "bus-services": Slice(
        "what carries a service, for the Bus",
        ("asyncio", "pieces"),
        (f"{_AIO}.service_line",),
    ),
    "call-lines": Slice(
        "streams of calls, for the Bus",
        ("bus-services", "call-words"),
        of(_AIO, "own_calls call_line"),
    ),
    "answering": Slice(
        "calls that the Bus answers",
        ("call-lines", "callee"),
        (f"{_AIO}.answering",),
    ),
    "calls": Slice(
        "calls that the Bus makes",
        ("call-lines",),
        ("dsoftbus.service.caller", f"{_AIO}.calls"),
    ),
    "loop-services": Slice(
        "what carries a service in a bare loop",
        ("pieces",),
        (f"{_MPY}.service_line",),
    ),
    "answers": Slice(
        "calls that a bare loop answers",
        ("loop-services", "callee"),
        (f"{_MPY}.answers",),
    ),
    "directory": Slice(
        "what a node offers, and what its peers do",
        ("call-words",),
        ("dsoftbus.service.directory", f"{_AIO}.directory"),
    ),
    "clock": Slice(
        "time of peers, and the board's own clock",
        ("call-words", "needs"),
        ("dsoftbus.service.clock", f"{_AIO}.clock", "dsoftbus_mpy.wall_clock"),
    ),
    "log": Slice(
        "what a node's programs have said last",
        ("core",),
        ("dsoftbus.service.log_ring", f"{_AIO}.records", "dsoftbus_mpy.services.output"),
        ("log-reader",),
    ),
    "log-reader": Slice(
        "the log for those who read it; leaves the heap afterwards",
        ("answering", "log"),
        (f"{_AIO}.log_reader",),
    ),
    "log-watch": Slice("logs of peers", ("calls", "log"), (f"{_AIO}.log_watch",)),
    "peer-names": Slice(
        "names of peers, as programs show them", ("asyncio",), ("dsoftbus_aio.naming",)
    ),
    "presence": Slice("who comes and leaves", ("peer-names",), ("dsoftbus_aio.presence",)),
    "topic-words": Slice(
        "what publishers and subscribers share",
        ("pieces",),
        of("dsoftbus.service", "filters topic_status topic_messages"),
        ("topic-labels",),
    ),
    "topic-labels": Slice(
        "what people see of a subscription's end",
        ("topic-words",),
        ("dsoftbus.service.topic_labels",),
    ),
    "publisher": Slice(
        "topics, and who subscribes",
        ("topic-words",),
        of("dsoftbus.service", "topics publisher"),
    ),
    "topics": Slice(
        "topics that the Bus publishes",
        ("bus-services", "publisher"),
        (f"{_AIO}.topics",),
    ),
    "publications": Slice(
        "topics that a bare loop publishes",
        ("loop-services", "publisher"),
        (f"{_MPY}.publications",),
    ),
    "subscriptions": Slice(
        "subscriptions of programs to topics of others",
        ("bus-services", "topic-words", "peer-names"),
        ("dsoftbus.service.subscriber", f"{_AIO}.subscriptions"),
    ),
    "sleep-times": Slice(
        "how long a node sleeps, as it says so", ("core",), ("dsoftbus.base.sleep_times",)
    ),
    "sleeper": Slice(
        "what a bus keeps while its board sleeps",
        ("keyfile", "tickets", "peers"),
        of("dsoftbus_mpy.sleeper", "__init__ kept places wake"),
    ),
    "sleeper-topics": Slice(
        "topics that are counted over a sleep", ("publisher",), ("dsoftbus_mpy.sleeper.topics",)
    ),
    "goodbye": Slice("the way to sleep", ("sleep-times",), ("dsoftbus_mpy.sleeper.goodbye",)),
    "sleepers": Slice(
        "peers that sleep",
        ("subscriptions", "sleep-times", "naming"),
        ("dsoftbus_aio.sleepers",),
    ),
    "console-gate": Slice(
        "a console for peers, while nobody uses it",
        ("call-lines",),
        (f"{_AIO}.console_gate",),
        ("console-run", "answering"),
    ),
    "console-run": Slice(
        "programs of peers; leaves the heap afterwards",
        ("call-lines", "update-place"),
        (f"{_AIO}.console",),
    ),
    "restart": Slice("the end of sessions before a restart", ("core",), (f"{_AIO}.restart",)),
    "update-gate": Slice(
        "what is kept of an update over the air from one call or file to the next",
        ("call-lines",),
        (*of("dsoftbus.update", "__init__ tracks updater"), f"{_AIO}.update_gate"),
        (
            *("update-place", "update-check", "update-calls", "update-files", "file-names"),
            "answering",
        ),
    ),
    "update-place": Slice(
        "the board as its updates need it; leaves the heap afterwards",
        ("update-gate",),
        ("dsoftbus_mpy.services.update_place",),
    ),
    "updates": Slice(
        "what calls and files of an update share; leaves the heap afterwards",
        ("update-gate",),
        (*of("dsoftbus.update", "lines slots"), f"{_AIO}.update_work"),
    ),
    "update-check": Slice(
        "the manifest of an update, as it is read; leaves the heap afterwards",
        ("updates",),
        of("dsoftbus.update", "manifest room check"),
    ),
    "update-calls": Slice(
        "calls of an update; leaves the heap after each",
        ("update-check", "restart"),
        (
            *of("dsoftbus.update", "state versions calls"),
            f"{_AIO}.update_answers",
        ),
    ),
    "update-files": Slice(
        "files of an update; leaves the heap after each",
        ("updates", "share-moving"),
        (
            *of("dsoftbus.update", "part files"),
            f"{_AIO}.update_receiving",
        ),
    ),
    "manifest-text": Slice(
        "the manifest of a version, for who makes one",
        ("update-check",),
        ("dsoftbus.update.manifest_text",),
    ),
    "share-moving": Slice(
        "the bytes of a transfer",
        ("asyncio", "share-words"),
        (f"{_AIO}.share_moving",),
    ),
    "share-words": Slice(
        "what both sides of a transfer say: headers and marks",
        ("values",),
        of("dsoftbus.share", "__init__ messages marks"),
    ),
    "file-names": Slice(
        "names that peers may give to files", ("text",), ("dsoftbus.base.file_names",)
    ),
    "share-names": Slice(
        "patterns of names, and the quota of a folder",
        ("file-names",),
        of("dsoftbus.share", "names quota"),
    ),
    "share-files": Slice(
        "files of shares",
        ("share-moving", "share-names"),
        (
            f"{_AIO}.share_receiving",
            "dsoftbus_mpy.folder",
            f"{_MPY}.shared_files",
        ),
        ("share-listing", "fat-store"),
    ),
    "share-listing": Slice(
        "lists of shared files",
        ("share-files",),
        (
            "dsoftbus.share.listing",
            *of(_AIO, "share_listing"),
            f"{_MPY}.shared_listing",
        ),
    ),
    "fat-store": Slice(
        "how a file gets its name on FAT", ("share-files",), (f"{_MPY}.fat_store",)
    ),
    "files": Slice(
        "a folder where peers store, fetch and list files",
        ("asyncio",),
        (f"{_MPY}.late_share",),
        ("sharing",),
    ),
    "sharing": Slice(
        "what serves that folder; leaves the heap when no peer uses it",
        ("share-files",),
        (f"{_AIO}.share",),
    ),
    "sending": Slice(
        "files that programs send and fetch",
        ("share-listing",),
        (f"{_AIO}.share_asking",),
    ),
}
