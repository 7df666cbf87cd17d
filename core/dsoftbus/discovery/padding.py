"""The length of announcements: questions are as long as the answers that they want, answers no
longer than their questions (docs/wire-format.md, answers)."""

from dsoftbus.const import SERVICE_NAME_MAX, SERVICES_MAX
from dsoftbus.discovery.announce import PAD

if False:  # for types
    from dsoftbus.discovery.announce import Announcement


def within(said: "Announcement", packet: bytes, most: int) -> bytes | None:
    """The announcement `packet` of `said`, or one with so many services less that it has at most
    `most` bytes; None where there is none."""
    services = said.services
    while len(packet) > most and said.services:
        said.services = said.services[:-1]
        packet = said.encode()
    said.services = services
    return packet if len(packet) <= most else None


def padded(said: "Announcement", least: int) -> bytes:
    """The packet of `said`, with services that are none where it would be shorter than `least`."""
    packet = said.encode()
    missing = least - len(packet)
    services = said.services
    while missing > 0 and len(said.services) < SERVICES_MAX:
        name = PAD + "." * (min(missing - 1, SERVICE_NAME_MAX) - len(PAD))
        said.services = tuple(said.services) + (name,)
        missing -= 1 + len(name)
        packet = said.encode()
    said.services = services
    return packet
