"""Files and terminals: what every wing of the harness reads, writes, locks and tells through.
Locks of folders, weights that somebody may have and their download, contact sheets, the terminal,
signals, and reading ahead in threads. How a file is written and hashed, and where caches lie, is
below in `core` (atomic, hashing, output, paths). Nothing here knows of experiments.
"""
