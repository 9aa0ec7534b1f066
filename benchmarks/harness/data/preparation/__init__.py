"""What `benchmarks.prepare` does: look at every picture, convert it once, say what was found."""
