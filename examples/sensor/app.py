"""A sensor: on the board, beside its node, by `dsoftbus board put PORT app.py`.

It measures once a second, and tells who asks the mean of the last minute: the temperature of an
RP2040's own sensor, which its ADC channel 4 has. Another sensor is another `celsius`.
"""

import asyncio

from machine import ADC

import dsoftbus_profile

READINGS = 60  # at most, one a second
adc = ADC(dsoftbus_profile.ADC)
readings = []


def celsius() -> float:
    """RP2040 datasheet, section 4.9.5: 0.706 V at 27 degrees, 1.721 mV less for each more."""
    return 27 - (adc.read_u16() * 3.3 / 65535 - 0.706) / 0.001721


async def answer(session, stream):
    await stream.write(b"%.1f" % (sum(readings) / len(readings)))


async def main(bus):
    readings.append(celsius())
    bus.on_stream("temperature", answer)
    while True:
        await asyncio.sleep(1)
        readings.append(celsius())
        del readings[:-READINGS]
