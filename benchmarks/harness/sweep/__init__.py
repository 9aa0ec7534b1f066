"""Many runs: which are missing, one process each, any number of sweeps on one folder at once.
`plan` makes jobs of Hydra's sweep words, `runner` starts them and knows where they stand, `display`
shows it, `loop` is the whole. A sweep has no files: records and the locks of runs are all that it
goes by.
"""
