"""Services for programs on a bare loop: calls that are answered, and topics."""
