"""Photographs in a style: which run, how they are framed, what is written. `find_run` finds a
finished run and its weights, `generator` makes it render photographs, `exemplars` gives it single
styles, `pipeline` goes through the files.
"""
