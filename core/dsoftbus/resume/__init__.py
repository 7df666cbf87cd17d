"""Resumption: tickets that sessions leave, and the short handshakes that begin with them."""
