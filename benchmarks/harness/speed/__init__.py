"""How fast the core is beside other formulations; here, what a command's help names."""

CASES = ("G forward", "D forward", "training step", "step with ADA", "R1", "path length")
USUAL = CASES[:3]
SIZES = {"64": (64, 16), "256": (256, 2)}  # pixels, and images in a batch
PRECISIONS = ("fp32", "bf16")
OURS = "ours"
FORMULATIONS = ("nvidia", "rosinality", "textbook")  # what ours is compared with, all in fp32
