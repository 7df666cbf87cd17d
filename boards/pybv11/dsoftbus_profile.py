"""pyboard 1.1. Written by `make boards` from profile.py."""


class PROFILE:
    streams = 4
    frame_payload = 256
    record_bytes = 337
    receive_bytes = 514
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
    peers = 8
    trusted = 2
    rules = 8
    line_slots = 4
    datagram_bytes = 400
    segments = 4
    replay_window = 256
    path_model = False
    messages = 2
    calls = 1
    value_bytes = 1024
    subscriptions = 2
    topics = 4
    events = 4
    handshakes = 1
    addresses = 4


UART = (1, None, None)
LED = "LED_BLUE"
ADC = None
