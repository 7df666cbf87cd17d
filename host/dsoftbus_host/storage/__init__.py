"""The files of a node, each old or new and never neither: trust, counters, routes."""
