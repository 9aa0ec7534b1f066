"""Networks, each rebuilt from its ``config``: StyleGAN2's pair and what is grown on it, encoders,
patch heads, and networks that losses look through. What a weights file may name registers itself
(`core.networks.registry`). Nothing here trains.
"""
