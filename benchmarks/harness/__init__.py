"""The machinery of the suite, in wings that import down only (tests/test_imports.py has the order).

`experiment` is the one place where a configuration becomes objects: it goes through configuration,
training, evaluation and record from top to bottom. The commands beside this package read words,
print, and return an exit status.
"""
