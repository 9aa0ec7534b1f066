"""StyleGAN2 and what is done with it, in plain torch.

Conventions, everywhere in the suite:

- Images are float ``[N, 3, R, R]`` in ``[-1, 1]``, RGB.
- Axis letters: **N** batch, **K** shots, **C H W** channels, height, width, **R** resolution,
  **Z** latent width, **L** style rows (``num_ws``), **W** style width, **F** features.
- ``z`` is ``[N, Z]``, ``ws`` is ``[N, L, W]`` (W+), logits are ``[N, 1]``.
- Randomness is passed as a ``torch.Generator``, never taken from the global one.
"""
