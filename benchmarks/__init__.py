"""Commands only: ``python -m benchmarks.NAME``, each arguments, printing and an exit status. What
they call lies in `benchmarks.harness`; the rendered people in `benchmarks.parafaces`.
"""
