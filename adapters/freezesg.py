"""FreezeSG: keep the first blocks of the generator and the styles that enter them.
Paper: "Fine-Tuning StyleGAN2 For Cartoon Face Generation" (Back, arXiv:2106.12445), section 3.
Departs from the paper in: nothing known. The paper leaves open whether the frozen styles are used
when pictures are made (here they are, or the trained rows would meet styles never seen) and whether
the other rows are mixed (here they are, as in StyleGAN2).
"""

from collections.abc import Sequence
from typing import Annotated, Any, cast

import torch
from annotated_types import Ge, Le
from torch import Tensor

from adapters.finetune import FineTune
from core.bounds import Natural
from core.freeze import all_but_highest
from core.networks.generator import Generator
from core.networks.mixing_regularisation import crossed, mixed_ws
from core.source import Source


class FreezeSG(FineTune):
    """Fine-tuning with frozen first blocks; their style rows come from the source's mapping."""

    paper = "arXiv:2106.12445"

    def __init__(self, source: Source, *, frozen_ws: Natural, **finetune: Any) -> None:
        super().__init__(source, **finetune)
        self.frozen_ws = frozen_ws

    def ws(self, g: Generator, z: Tensor) -> Tensor:
        return crossed(self.source.g.mapping(z), super().ws(g, z), self.frozen_ws)

    def latents(self, z: Tensor) -> Tensor:
        return crossed(self.source.g.mapping(z), super().latents(z), self.frozen_ws)


class FreezeSGReleased(FreezeSG):
    """What the public code does: an untrained style source, used in mixing steps only."""

    def __init__(
        self,
        source: Source,
        *,
        trained_blocks: Annotated[int, Ge(0), Le(16)],
        frozen_g: Sequence[str],
        **freezesg: Any,
    ) -> None:
        counted = all_but_highest(resolution=source.resolution, blocks=trained_blocks)
        super().__init__(source, frozen_g=[*frozen_g, *counted], **freezesg)
        self.untrained = self.fresh(2, Generator, **source.g.config).mapping.requires_grad_(False)

    def ws(self, g: Generator, z: Tensor) -> Tensor:
        if torch.rand((), generator=self.rng) >= self.mixing_prob:
            return g.mapping(z)
        untrained = mixed_ws(self.untrained, z, self.noise(len(z)), 1.0, self.rng)
        return crossed(untrained, g.mapping(z), self.frozen_ws)

    def latents(self, z: Tensor) -> Tensor:
        return self.map_latents(cast(Generator, self.eval_generator()), z)
