"""Photographs in a style: which run, how they are framed, what is written."""
