"""MQTT 3.1.1 as a client speaks it, at QoS 0: packets, and the state of one connection."""
