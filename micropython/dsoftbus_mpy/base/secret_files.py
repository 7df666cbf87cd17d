"""The files of this node that no peer may read or replace: paths of those that were used."""

noted: list = []  # by `key_file` and `trust_file`; `folder` keeps away from them
