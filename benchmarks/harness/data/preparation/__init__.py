"""What `benchmarks.prepare` does: look at every picture, convert it once, report what is there.
A `survey` reads all files of a set, an `archive` takes what can be used, `shot_lists` finds or
draws the lists of shots, and a `report` says it in Markdown; `preparation` is the order of these.
"""
