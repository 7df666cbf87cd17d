"""The files of this node that no peer may read or replace: paths of those that were used."""

noted: list = []  # by `keyfile` and `storefile`; `folder` keeps away from them
