"""Photos to what a generator makes them of: style rows in W or W+, or latents in Z+. By an encoder,
by optimisation, or by both; `inverter` holds what a source's yaml may name. All of it is a function
of the photos and of seeds, so every method gets the same codes of a photo.
"""
