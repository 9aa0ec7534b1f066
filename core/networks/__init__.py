"""Networks, each rebuilt from its ``config``: StyleGAN2's pair and what is grown on it. Generator
and discriminator with their layers, DualStyleGAN's second style path with exemplars and their
sampler, encoders, patch heads, the networks that losses look through, and what exchanges or mixes
rows of a generator. A class that may be read from a weights file registers itself
(`core.networks.registry`). Nothing here trains; how networks are compared, penalised or inverted is
`core.losses` and `core.inversion`.
"""
