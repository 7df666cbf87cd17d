"""`micropython -m dsoftbus_mpy` with a budget of handshakes that a test does not wait for."""

import sys

from dsoftbus_mpy import profiles
from dsoftbus_mpy.__main__ import main

FITTING = profiles.fitting()


class Profile(FITTING):
    handshakes = 256


profiles.fitting = lambda: Profile
sys.exit(main(sys.argv[1:]))
