"""StyleGAN2 and what is done with it, in plain torch.

``import core`` is cheap; the names below are imported when they are first asked for.

Conventions, everywhere in the suite:

- Images are float ``[N, 3, R, R]`` in ``[-1, 1]``, RGB.
- Axis letters: **N** batch, **K** shots, **C H W** channels, height, width, **R** resolution,
  **Z** latent width, **L** style rows (``num_ws``), **W** style width, **F** features.
- ``z`` is ``[N, Z]``, ``ws`` is ``[N, L, W]`` (W+), logits are ``[N, 1]``.
- Randomness is passed as a ``torch.Generator``, never taken from the global one.
"""

from importlib import import_module
from typing import Any

# Where each name comes from.
PUBLIC = {"ADA": "core.augment", "EMA": "core.ema", "Generator": "core.networks.generator",
          "Discriminator": "core.networks.discriminator", "Source": "core.source",
          "DualStyleGAN": "core.networks.dualstylegan", "UserError": "core.errors",
          "load": "core.convert"}  # fmt: skip

PACKAGES = ("augment", "convert", "editing", "inversion", "losses", "networks", "ops")

__all__ = sorted([*PUBLIC, *PACKAGES])


def __getattr__(name: str) -> Any:
    if name in PUBLIC:
        return getattr(import_module(PUBLIC[name]), name)
    if name in PACKAGES:
        return import_module(f"core.{name}")
    raise AttributeError(f"core has no {name!r}; it has {', '.join(__all__)}.")


def __dir__() -> list[str]:
    return __all__
