"""A generator in numbers: which pictures are compared, what networks see in them, and metrics.

`evaluate` makes of a finished run its numbers and its picture. A `gallery` holds every picture and
every feature once, in a `feature_store`; `extractors` see, `metrics` measure. Nothing here trains.
"""
