"""Words of a command line to objects: nothing else in the harness knows Hydra. `cli` is the frame
of every command, `compose` what words mean, `grid` the same for the many runs of a sweep. `targets`
says what a configuration may name, `signatures` and `validation` which values it may hold,
`complaints` what is said of the others. `build` makes the objects, when all is checked.
"""
