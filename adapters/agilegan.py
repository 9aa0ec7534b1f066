"""AgileGAN: train on a latent for every style row, near the source's pictures of the same rows.
Of its two halves this is the transfer; the encoder into such latents is `method=encoder_zplus`.
Paper: "AgileGAN: stylizing portraits by inversion-consistent transfer learning" (Song et al., ACM
Transactions on Graphics 40, 2021, doi:10.1145/3450626.3459771).
Departs from the paper in: not known in full, for neither the paper nor code of its authors was at
hand. Written after a third party's code, MMGEN-FaceStylor, from which it departs in: the logistic
loss instead of hinges; the same noise maps in both pictures; no path length.
"""

from typing import Any

import torch
from torch import Tensor

from adapters.adversarial import Batch
from adapters.base import Terms
from adapters.finetune import FineTune
from core import draws
from core.bounds import Natural, Weight
from core.networks.generator import Generator, rows_mapped
from core.source import Source
from core.types import GuideNetwork


class AgileGAN(FineTune):
    """Fine-tuning on styles of independent rows, with a perceptual distance from the source."""

    paper = "doi:10.1145/3450626.3459771"

    def __init__(
        self,
        source: Source,
        *,
        perceptual: GuideNetwork,
        similarity: Weight,  # of the perceptual distance from the source's picture
        trained_blocks: Natural,  # of the discriminator, from 8 px on; what follows them trains too
        **finetune: Any,
    ) -> None:
        frozen = [f"b{r}.*" for r in source.d.block_resolutions if r > 4 * 2**trained_blocks]
        super().__init__(source, **finetune | {"frozen_d": [*finetune["frozen_d"], *frozen]})
        self.perceptual, self.similarity = perceptual, similarity

    def ws(self, g: Generator, z: Tensor) -> Tensor:
        """Styles [N, L, W] of codes [N, L, Z], whose first row is z [N, Z]."""
        others = draws.randn((len(z), g.num_ws - 1, g.z_dim), self.rng, self.device)
        return rows_mapped(g, torch.cat([z[:, None], others], dim=1))

    def g_terms(self, batch: Batch) -> Terms:
        ws, start = self.ws(self.g, self.noise(len(batch))), self.rng.get_state()
        with torch.no_grad():
            noise: dict[str, Any] = {"noise_mode": "random", "generator": self.rng}
            wanted = self.perceptual.embed(self.source.g.synthesis(ws, **noise))
        self.rng.set_state(start)  # the same noise maps in both pictures
        fakes = self.synthesise(ws)
        apart = (self.perceptual.embed(fakes) - wanted).square().sum(1).mean()
        return {"loss_g": self.g_logistic(fakes), "similarity": self.similarity * apart}
