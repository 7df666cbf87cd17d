"""The gateway shows nodes, topics and calls to an MQTT world (docs/gateway.md)."""
