"""The error of a call, for programs: who has no calls does not load it."""

# Public

from dsoftbus.service.status import CallError as CallError
