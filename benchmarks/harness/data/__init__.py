"""Pictures: found in folders, zips and databases, made one kind of, and given to a training.
`files` finds them, `pictures` decodes and frames them, `sampler` says in which order they are
shown; `domains` are the data sets of a yaml, `preparation` makes zips of what people obtain. A
picture is known by the SHA-256 of its file, never by its name or place. Nothing here knows of
methods, metrics or records.
"""
