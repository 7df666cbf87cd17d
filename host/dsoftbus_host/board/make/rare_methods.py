"""Methods that stay out of a board's heap until one is called (`rare`), by slice and class; and
functions, by slice and module.

They are what a person asks for, what a start does once, pairing, and sessions and streams that
begin from here. Neither a stranger's handshake, nor a message, nor the end of a session, nor a
lack of memory calls them.
"""

RARE = {
    "core": {
        "dsoftbus_mpy.node": "make minimal",
        "dsoftbus_mpy.crypto": "suite",
        "dsoftbus_mpy.entropy": "checked source",
        "dsoftbus.crypto.suite.Suite": "__init__",
        "dsoftbus.session.node_config.NodeConfig": "__init__ with_psk",
        "dsoftbus.session.session.Session": "limit_handshake ping",
        "dsoftbus.mux.mux.Mux": "open",
        "dsoftbus.base.ticks.Ticks": "__init__",
    },
    "datagram": {
        "dsoftbus.session.endpoint.Endpoint": "__init__ connect",
        "dsoftbus.datagram_pump.DatagramPump": "__init__",
    },
    "asyncio": {
        "dsoftbus_mpy.bare_bus.BareBus": (
            "listen connect connections peer reach close line _close_links _listen connect_over"
            " _check open_port open_udp open_serial presence topic withdraw subscribe"
            " begin_publishing step_clock call on_stream offers updates update_place log logs"
            " log_source console traceback share accept"
        ),
        "dsoftbus_aio.connection.Connection": (
            "parts watch_offers time send fetch files read_logs _on_service _on_topics"
            " established ping open"
        ),
    },
    "ports": {
        "dsoftbus_aio.datagram_port.DatagramPort": "begin",
    },
    "publisher": {
        "dsoftbus.service.topics.Topic": "__init__",
        "dsoftbus.service.topics.Topics": "__init__ declare withdraw own _declared _begin_epoch",
        "dsoftbus.service.publisher.Publisher": "recheck consider _recheck_feed",
        "dsoftbus.service.publisher.Feed": "forget",
    },
    "trust": {
        "dsoftbus.trust.acl": "grant rule",
        "dsoftbus.trust.store": "listed hexed",
        "dsoftbus.trust.acl.Acl": "__init__",
        "dsoftbus.trust.store.Entry": "__init__ encode",
        "dsoftbus.trust.store.TrustStore": (
            "__init__ add remove add_rule remove_rule adopt touch named find lines _body"
        ),
        "dsoftbus.trust.pairing_window.PairingWindow": "__init__ open close begin withdraw settle",
        "dsoftbus.trust.session_guard.Control": "_on_opened await_token on_keys talk",
        "dsoftbus.trust.guard.Guard": (
            "__init__ pair confirm cancel unpair recheck rotate trust _warn_of_name _control"
            " _end_sessions _recheck_stream"
        ),
        "dsoftbus_aio.housekeeping.Housekeeping": "stop",
        "dsoftbus_mpy.trust_file.StoreFile": "__init__ _load _read _read_whole",
    },
    "line": {
        "dsoftbus.line.line.Line": "__init__",
        "dsoftbus.line.cobs.Deframer": "__init__",
        "dsoftbus.line.line_link.LineLink": "__init__ plug close",
    },
    "announcements": {
        "dsoftbus.discovery.announcer.Announcer": "__init__ goodbye",
        "dsoftbus.discovery.announce.Announcement": "__init__",
        "dsoftbus_mpy.device.boot_counter": "count_start",
    },
    "line-announcements": {
        "dsoftbus.discovery.serial_discovery.OnLine": "__init__ restart close say_goodbye",
    },
    "line-discovery": {
        "dsoftbus_aio.line_discovery.LineDiscovery": "__init__ _make connect stop",
    },
    "peers": {
        "dsoftbus.discovery.peers.Peers": "__init__ attempt",
        "dsoftbus.base.shares.Shares": "__init__",
    },
    "noise": {
        "dsoftbus_mpy.noise_source.conditioner.Generator": "__init__",
        "dsoftbus_mpy.noise_source.conditioner.Noise": "__init__",
        "dsoftbus_mpy.noise_source.health_tests.Health": "__init__",
        "dsoftbus_mpy.noise_source.drbg.Drbg": "__init__",
    },
}

# Of these, by slice, those that neither a start nor a peer's session calls: only a call of one
# loads them, and no name that only they need is in the table of names before.
SELDOM = {
    "asyncio": (
        "connect peer reach connect_over established presence topic withdraw subscribe step_clock"
        " offers updates update_place log logs log_source console traceback share accept parts"
        " watch_offers time send fetch files read_logs ping"
    ),
    "trust": (
        "remove add_rule remove_rule adopt named find open close begin withdraw settle _on_opened"
        " await_token on_keys talk pair confirm cancel unpair recheck rotate trust _warn_of_name"
        " _control _end_sessions _recheck_stream stop"
    ),
}
