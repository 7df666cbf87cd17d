"""The states of a stream as one table, used by both sides.

A trigger is what this side sends or what it receives from the peer. A pair of state and trigger
that the table does not name is illegal: `mux.reject.invalid_stream_state_transition`.
"""

try:
    from micropython import const
except ImportError:

    def const(value: int) -> int:
        return value


# States, in steps of 16, so that state + trigger is a key without an allocation.
IDLE = const(0x00)  # it does not exist yet
OPENING = const(0x10)  # we sent OPEN, the peer has not answered
OPENING_FINISHED = const(0x20)  # and we sent FIN already
OFFERED = const(0x30)  # the peer sent OPEN, our application has not answered
OFFERED_FINISHED = const(0x40)  # and the peer sent FIN already
ESTABLISHED = const(0x50)  # both may send
LOCAL_FINISHED = const(0x60)  # we sent FIN, the peer still sends
REMOTE_FINISHED = const(0x70)  # the peer sent FIN, we still send
CLOSED = const(0x80)  # both have finished; some may be left to send or to read
RESET = const(0x90)  # ended early, by either side or with its session

SEND_OPEN = const(0)
RECV_OPEN = const(1)
SEND_OPEN_ACK = const(2)
RECV_OPEN_ACK = const(3)
SEND_DATA = const(4)
RECV_DATA = const(5)
SEND_FIN = const(6)
RECV_FIN = const(7)
SEND_RST = const(8)
RECV_RST = const(9)
RECV_WINDOW = const(10)

TABLE = {
    IDLE + SEND_OPEN: OPENING,
    IDLE + RECV_OPEN: OFFERED,
    OPENING + RECV_OPEN_ACK: ESTABLISHED,
    OPENING + SEND_DATA: OPENING,
    OPENING + RECV_WINDOW: OPENING,
    OPENING + SEND_FIN: OPENING_FINISHED,
    OPENING + SEND_RST: RESET,
    OPENING + RECV_RST: RESET,
    OPENING_FINISHED + RECV_OPEN_ACK: LOCAL_FINISHED,
    OPENING_FINISHED + RECV_WINDOW: OPENING_FINISHED,
    OPENING_FINISHED + SEND_RST: RESET,
    OPENING_FINISHED + RECV_RST: RESET,
    OFFERED + SEND_OPEN_ACK: ESTABLISHED,
    OFFERED + RECV_DATA: OFFERED,
    OFFERED + RECV_FIN: OFFERED_FINISHED,
    OFFERED + SEND_RST: RESET,
    OFFERED + RECV_RST: RESET,
    OFFERED_FINISHED + SEND_OPEN_ACK: REMOTE_FINISHED,
    OFFERED_FINISHED + SEND_RST: RESET,
    OFFERED_FINISHED + RECV_RST: RESET,
    ESTABLISHED + SEND_DATA: ESTABLISHED,
    ESTABLISHED + RECV_DATA: ESTABLISHED,
    ESTABLISHED + RECV_WINDOW: ESTABLISHED,
    ESTABLISHED + SEND_FIN: LOCAL_FINISHED,
    ESTABLISHED + RECV_FIN: REMOTE_FINISHED,
    ESTABLISHED + SEND_RST: RESET,
    ESTABLISHED + RECV_RST: RESET,
    LOCAL_FINISHED + RECV_DATA: LOCAL_FINISHED,
    LOCAL_FINISHED + RECV_WINDOW: LOCAL_FINISHED,
    LOCAL_FINISHED + RECV_FIN: CLOSED,
    LOCAL_FINISHED + SEND_RST: RESET,
    LOCAL_FINISHED + RECV_RST: RESET,
    REMOTE_FINISHED + SEND_DATA: REMOTE_FINISHED,
    REMOTE_FINISHED + RECV_WINDOW: REMOTE_FINISHED,
    REMOTE_FINISHED + SEND_FIN: CLOSED,
    REMOTE_FINISHED + SEND_RST: RESET,
    REMOTE_FINISHED + RECV_RST: RESET,
    # Both sides have finished, but the last of our data has not left yet.
    CLOSED + RECV_WINDOW: CLOSED,
    CLOSED + SEND_RST: RESET,
    CLOSED + RECV_RST: RESET,
    # What was on the way when we reset.
    RESET + RECV_OPEN_ACK: RESET,
    RESET + RECV_DATA: RESET,
    RESET + RECV_FIN: RESET,
    RESET + RECV_WINDOW: RESET,
    RESET + RECV_RST: RESET,
}
