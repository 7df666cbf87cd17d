"""ESP32. Written by `make boards` from profile.py."""


class PROFILE:
    streams = 8
    frame_payload = 1024
    record_bytes = 1105
    receive_bytes = 1107
    stream_credit = 2048
    stream_buffer = 2048
    spare_rings = 2
    session_credit = 18432
    max_message = 1020
    sessions = 3
    peer_sessions = 2
    half_open = 2
    handshake_ms = 20000
    keepalive_ms = 5000
    close_ms = 1000
    peer_services = 4
    peers = 8
    trusted = 16
    rules = 16
    line_slots = 8
    datagram_bytes = 1200
    segments = 8
    replay_window = 256
    path_model = False
    messages = 4
    calls = 4
    value_bytes = 4096
    subscriptions = 8
    topics = 16
    events = 16
    handshakes = 2
    addresses = 8


UART = (2, 17, 16)
LED = 2
ADC = 36
