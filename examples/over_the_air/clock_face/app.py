"""A program that comes over the air: `dsoftbus update hall examples/over_the_air/clock_face`.

Change something, write a higher number into version.txt, and give the same command again.
"""

from face import drawn


async def main(bus):
    def face(_caller, hour):
        return drawn(hour)

    bus.call("face", about="the hour as a line of text", shape="0 to 23")(face)
