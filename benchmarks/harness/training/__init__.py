"""A method's training around the method: Lightning's trainer, and what a long run needs. `loop`
puts the parts together, `monitor` looks whether they still make sense, `checkpoint` keeps
everything that is needed to go on with the same bits, `workers` share a batch. Objects come in; no
configuration is read.
"""
