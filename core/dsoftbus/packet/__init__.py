"""Packets of datagram links: protection, acknowledgement, recovery, congestion."""
