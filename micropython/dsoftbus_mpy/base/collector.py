"""Imported first: a collection each time a quarter of the heap that is free now has been taken.

Without it an import fills a small heap to its end with what lives long between what does not, and
a later one finds no piece that is large enough. Boards do so in `device.startup`.
"""

import gc

_PART = 4

gc.threshold(gc.mem_free() // _PART)
