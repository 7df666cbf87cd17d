"""The ground of every floor: bytes, names, time, waits, budgets; labels of errors."""
