"""The names that programs on a board use: they stay as they are when slices are linked."""

from dsoftbus_host.board.make.slice import of

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
