"""Brokers: groups, letters and cards of nodes that meet at an MQTT broker (docs/broker.md)."""
