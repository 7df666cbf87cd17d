"""Noise (revision 34): the state of a cipher, the state of a handshake."""
