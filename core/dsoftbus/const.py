"""Wire codes, and the limits of each profile with the reason beside each number."""

try:
    from micropython import const
except ImportError:

    def const(value: int) -> int:
        return value


VERSION = const(1)

# Record types of stream links (docs/wire-format.md).
REC_INIT = const(1)
REC_REPLY = const(2)
REC_FINISH = const(3)
REC_PROTECTED = const(4)
REC_REFUSE = const(5)
RECORD_HEADER = const(3)
HANDSHAKE_RECORD_MAX = const(512)  # message 3 with the longest HELLO is 115 bytes; room to grow

# Packet types of datagram links; 1 to 5 are those of records.
PKT_COOKIE = const(6)
PACKET_HEADER = const(9)  # type, connection id, packet number
FLIGHT_HEADER = const(5)  # type, connection id
COOKIE_BYTES = const(16)
DATAGRAM_MIN = const(200)  # the smallest radio payload that full sessions are made for
DATAGRAM_MAX = const(1200)  # passes every path of IPv6, tunnels included; more is searched for

# Bodies of a protected packet.
BODY_NONE = const(0)
BODY_SEGMENT = const(1)
BODY_MESSAGE = const(2)
BODY_PROBE = const(3)
BODY_CLOSE = const(4)
BODY_CHALLENGE = const(5)
BODY_RESPONSE = const(6)
BODY_PART = const(7)

# Datagrams of an endpoint's own that wait to be sent; a pump turns often. Strangers' stop at the
# lower number: a flood of them leaves room for what sessions have to say.
ANSWERS_MAX = const(32)
STRANGERS_ANSWERS_MAX = const(16)

# Suites and patterns of Noise.
SUITE_CHACHA_SHA256 = const(1)
SUITE_CHACHA_BLAKE2S = const(2)
SUITE_AESGCM_SHA256 = const(3)
PATTERN_XK = const(0)
PATTERN_XKPSK3 = const(1)
PATTERN_RESUMED = const(2)  # with a ticket (docs/resumption.md): NNpsk0
PATTERN_SLEEPER = const(3)  # the same without a scalar multiplication
TICKET_ID_BYTES = const(16)
LINK_STREAM = const(1)
LINK_DATAGRAM = const(2)
LINK_LINE = const(3)  # a serial line, in routes: (LINK_LINE, port, channel). Never on the wire
LINK_BROKER = const(4)  # a broker, in routes: (LINK_BROKER, group, 0). Never on the wire
KEY_BYTES = const(32)
TAG_BYTES = const(16)
REKEY_RECORDS = const(16384)  # 512 MiB of full host records, 16 MiB of a board's

# Frame types of Mux v2.
OPEN = const(1)
OPEN_ACK = const(2)
DATA = const(3)
WINDOW_UPDATE = const(4)
RST = const(5)
PING = const(6)
PONG = const(7)
CLOSE = const(8)
FLAG_FIN = const(1)
FRAME_HEADER = const(8)
FRAME_PAYLOAD_MAX = const(32768)
STREAM_NAME_MAX = const(64)
KIND_BYTES = const(0)
KIND_MESSAGES = const(1)
MESSAGE_PREFIX = const(4)
PRIORITIES = const(8)
PRIORITY_BURST = const(8)  # after so many dequeues above it, a waiting lower class gets one
U30_MAX = const(0x3FFFFFFF)  # the largest small int of a 32-bit board
NODE_NAME_MAX = const(32)

# Kinds of events.
EV_ESTABLISHED = const(1)  # the peer is authenticated
EV_OPENED = const(2)  # the peer opened `stream`: accept it or reset it
EV_ACCEPTED = const(3)  # the peer accepted `stream`
EV_READABLE = const(4)  # `stream` has bytes, or has reached its end
EV_WRITABLE = const(5)  # a send on `stream` that would have blocked is worth a try
EV_RESET = const(6)  # `stream` ended early, `code` says why
EV_CLOSED = const(7)  # the session ended, once, `code` is its cause
EV_MESSAGE = const(8)  # an unreliable message is here: session.recv_datagram()

# Kinds of a node's events.
EV_ONLINE = const(16)  # `peer` has been heard of, and was not there before
EV_OFFLINE = const(17)  # its lifetime has passed, or it said goodbye
EV_DENIED = const(18)  # `peer` (or a program here) was refused the stream `name`
EV_PAIR_DIGITS = const(19)  # show the digits of `pairing`, and confirm or cancel
EV_PAIRED = const(20)  # `peer` is trusted now
EV_PAIR_FAILED = const(21)  # `code` says why
EV_NAME_WARNING = const(22)  # `name` is, or looks like, that of the entry `about`
EV_UNPAIRED = const(23)  # `peer` is trusted no more
EV_KEY_MOVED = const(24)  # `peer` follows from the id `name`, by its next key
EV_KEY_DUE = const(25)  # this node's next key is to become its identity, and it to start anew
EV_MOVED = const(27)  # a session with `peer` goes on over the path `name`
EV_CLONED_KEY = const(26)  # the id `peer` (or one's own) is announced at `about`, too

# Announcements (docs/wire-format.md).
DISCOVERY_PORT = const(37020)
DISCOVERY_GROUP = "239.255.144.156"  # local scope (RFC 2365 section 6.1); 144.156 is the port
ANNOUNCE_MAX = const(1200)
SERVICES_MAX = const(16)
SERVICE_NAME_MAX = const(64)

ANYONE = "*"  # instead of keys, and in access rules: every peer that proves some key

# The bus's own streams; programs cannot open names with this prefix.
RESERVED_PREFIX = "dsoftbus."
PAIR_STREAM = "dsoftbus.pair"
KEYS_STREAM = "dsoftbus.keys"
OWN_PREFIX = "dsoftbus/"  # of services, which programs neither register nor serve
# Streams of services are there for every peer that may do anything: the rules are asked for the
# names of its calls and topics.
CALLS_STREAM = "dsoftbus/calls"
TOPICS_STREAM = "dsoftbus/topics"
SHARE_STREAM = "dsoftbus/share"
UPDATE_STREAM = "dsoftbus/update"
DATAGRAMS = "datagrams"  # what unreliable messages are called in access rules

# Idle intervals: a probe after three, dead after nine (the field's usual contract).
KEEPALIVE_PROBE = const(3)
KEEPALIVE_DEAD = const(9)


class HOST:
    """Laptops and servers."""

    streams = 128  # open at once in a session, per opening side
    frame_payload = 32768  # the wire's own maximum
    record_bytes = 33041  # one full frame, 256 bytes of control frames, type and tag
    receive_bytes = 132172  # four records in one read: fewer system calls
    stream_credit = 65536  # two full frames: one on the way while one is read
    stream_buffer = 262144  # a stream whose reader keeps up grows to this
    spare_rings = 8  # empty receive buffers that a session keeps: as many as fill in two reads
    # A part of a message on each stream that both sides may open, and two frames: so some message
    # can always be completed, and one reader keeps going however many others stand still.
    session_credit = 8454144
    max_message = 32764  # half of stream_credit, less the prefix
    sessions = 1024
    peer_sessions = 64  # of these for one peer: a program for each of a large machine's cores
    half_open = 64  # handshakes under way that a peer has not finished
    handshake_ms = 10000
    keepalive_ms = 5000  # probe after 15 s of silence, dead after 45 s
    close_ms = 1000  # how long a closing session waits to hand out its last record
    peer_services = 16  # what a packet can hold
    peers = 1024  # as many as it has sessions; 1024 entries are about 0.8 MB
    trusted = 1024  # hosts keep what boards around them cannot
    rules = 256  # of the node, and of each trusted peer
    line_slots = 16  # all that a line can have under way
    datagram_bytes = 16384  # where the path carries it: ten times less packets on loopback
    segments = 1024  # 1.2 MB under way: 100 Mbit/s over 100 ms
    replay_window = 2048  # twice the segments: every retransmission may come late
    path_model = True  # congestion control by rate and round trip: a radio's losses cost little
    messages = 64  # unreliable ones that wait, each way
    calls = 1024  # under way, each way, in a session
    value_bytes = 1048576  # of an encoded value; larger things go over a stream of their own
    subscriptions = 128  # of a session, each way: as many as it may have streams
    topics = 1024  # of a node, and of one subscription: what a large machine's sensors have
    events = 256  # that wait for a subscriber: half a second of 500 a second
    handshakes = 256  # answered in a second: 1024 scalar multiplications, 5 % of a core
    addresses = 256  # whose share of these is kept apart: 64 KB at most, and a quick look


class SMALL:
    """Boards with 128 to 256 KB of heap."""

    streams = 8
    frame_payload = 1024
    record_bytes = 1105  # one full frame, 56 bytes of control frames, type and tag
    receive_bytes = 1107  # one record, with its length field
    stream_credit = 2048
    stream_buffer = 2048
    spare_rings = 2
    session_credit = 18432  # as HOST: 16 parts of 1024 bytes and two frames
    max_message = 1020
    sessions = 4
    peer_sessions = 2  # a peer that went and comes back has its own place, another peer the rest
    half_open = 2
    handshake_ms = 20000  # a slow board takes seconds for its scalar multiplications
    keepalive_ms = 5000
    close_ms = 1000
    peer_services = 4  # a stranger fills what is kept: 16 peers x 4 x 64 bytes
    peers = 16  # the field's table of small nodes
    trusted = 16  # about 300 bytes of heap each
    rules = 16
    line_slots = 8  # 1.9 KB each way: enough for 921600 baud, 20 ms there and back
    datagram_bytes = 1200
    segments = 8  # 9.6 KB each way at most, and only while they are needed
    replay_window = 256
    path_model = False  # 5 KB of heap; of eight packets under way there is little to model
    messages = 4
    calls = 4
    value_bytes = 4096
    subscriptions = 8  # 0.3 KB each
    topics = 16  # what is on a board, and some; 0.2 KB each, and its value
    events = 16
    handshakes = 2  # answered in a second, of four scalar multiplications each
    addresses = 8  # twice its sessions; 0.1 KB each, and only of those that came lately


class TINY:
    """Boards with about 64 KB of heap."""

    streams = 4
    frame_payload = 256
    record_bytes = 337
    receive_bytes = 514  # not less than a handshake record
    stream_credit = 512
    stream_buffer = 512
    spare_rings = 1
    session_credit = 2560
    max_message = 252
    sessions = 1
    peer_sessions = 1
    half_open = 1
    handshake_ms = 30000
    keepalive_ms = 5000
    close_ms = 1000
    peer_services = 2
    peers = 8  # one room
    trusted = 4  # a hub, and a few who may take its place
    rules = 8
    line_slots = 4  # 1 KB each way
    datagram_bytes = 400  # one full frame and 100 bytes of control frames
    segments = 4
    replay_window = 256
    path_model = False
    messages = 2
    calls = 1
    value_bytes = 1024
    subscriptions = 2  # a hub, and who looks on
    topics = 4
    events = 4
    handshakes = 1
    addresses = 4
