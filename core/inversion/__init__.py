"""Photos to what a generator makes them of, by photos and seeds alone: the same in every method."""
