"""DualStyleGAN: every picture of the style is a style of its own, to be picked, mixed and dosed.
A second style path is built around the source's generator, which stays as it is. What happens, in
order: the path learns on the source to bring structure in (stage II; stage I is how it is
initialised), the shots are destylised, which pairs each with a face, and all that does not depend
on the run is kept on disk (``prepare``); then the path learns the target (stage III), and at last
the codes of the shots are refined (stage IV).
Paper: "Pastiche Master: exemplar-based high-resolution portrait style transfer" (Yang et al.,
CVPR 2022, arXiv:2203.13248).
Departs from the paper in: see the table in conf/method/dualstylegan.yaml.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from adapters.adversarial import AdversarialStep, Batch
from adapters.base import Terms
from adapters.dualstylegan.cache import PretrainingCache
from adapters.dualstylegan.destylisation import embed_new_exemplar
from adapters.dualstylegan.losses import NormPenalty, StyleLoss
from adapters.finetune import FineTune
from core import distributed, draws
from core.adaptive_batches import within
from core.bounds import Count, Natural, Weight
from core.networks.dualstylegan import DualStyleGAN
from core.networks.exemplars import Exemplars, thumbnails
from core.networks.generator import rows_mapped
from core.networks.styles import Styles, StyleSampling, StyleStrength
from core.source import Source
from core.types import Shots

CODES = 2  # the third optimiser: of the shots' extrinsic codes, in stage IV


class ExemplarTransfer(FineTune):
    """Progressive fine-tuning of DualStyleGAN."""

    paper = "arXiv:2203.13248"
    g: DualStyleGAN  # type: ignore[assignment]
    exemplars: Exemplars
    w_std: Tensor

    def __init__(
        self,
        source: Source,
        *,
        res_index: Natural,  # last structure row, see `core.networks.dualstylegan`
        pretraining: PretrainingCache,  # finds or makes stage II and the codes of the shots
        paired_every: Count,  # every so-manieth step is paired
        recoloured_from: Natural,  # first row of a pair's face that is drawn anew
        jitter: Weight,  # standard deviation of noise on extrinsic styles, in units of theirs
        style: StyleLoss,  # the generator's objective beside the adversarial one
        penalty: NormPenalty,  # on the lengths of the path's tensors
        chunk: Count,  # pictures at a time; gradients of a batch are summed over chunks
        refine_from: Natural,  # images after which stage IV begins
        refine_lr: dict[str, Weight],  # of structure and colour rows
        styles: StyleSampling,  # random styles
        strength: StyleStrength,  # of a style that is named or drawn
        unnamed_strength: StyleStrength,  # of the shots' mean, where no style is named
        **finetune: Any,
    ) -> None:
        self.res_index = res_index  # before FineTune makes the networks
        super().__init__(source, frozen_g=["generator.*"], frozen_d=[], **finetune)
        shape = {"rows": self.g.num_ws, "structure_rows": self.g.structure_rows}
        self.exemplars = Exemplars(count=0, z_dim=self.g.z_dim, **shape)
        self.register_buffer("w_std", styles.w_std(source.g))
        self.pretraining = pretraining
        self.paired_every, self.recoloured_from = paired_every, recoloured_from
        self.jitter, self.chunk = jitter, chunk
        self.style, self.penalty = style, penalty
        self.refine_from, self.refine_lr = refine_from, refine_lr
        self.sampling, self.strength, self.unnamed_strength = styles, strength, unnamed_strength
        cost, lr = style.refining, refine_lr
        embed = partial(embed_new_exemplar, destylise=pretraining.destylise, cost=cost, lr=lr)
        self.styles = Styles(cast(DualStyleGAN, self.ema.model), self.exemplars, styles, embed)

    def initial_g(self) -> DualStyleGAN:  # type: ignore[override]
        return DualStyleGAN.untrained(self.source.g, res_index=self.res_index)

    def prepare(self, shots: Shots) -> None:
        cache, fresh = self.pretraining, self.initial_g().to(self.device)
        self.load_pretrained(cache.structure_transfer(self.source, fresh))
        codes = cache.exemplar_codes(self.source, shots, self.seed)
        small = [thumbnails(part).to(self.device) for part in shots.split(cache.batch_size)]
        self.exemplars.fill(codes.extrinsic, codes.intrinsic, torch.cat(small))

    def load_pretrained(self, tensors: dict[str, Tensor]) -> None:
        path, d = (
            {k.removeprefix(first): v for k, v in tensors.items() if k.startswith(first)}
            for first in ("g.", "d.")
        )
        for network in (self.g, self.ema.model):
            network.load_state_dict({**network.state_dict(), **path})
        self.d.load_state_dict(d)

    def configure_optimizers(self) -> list[Optimizer]:
        codes = [
            {"params": [getattr(self.exemplars, rows)], "lr": self.refine_lr[rows]}
            for rows in ("structure", "colour")
        ]
        return [*super().configure_optimizers(), self.sampling.optimizer(codes, lr=0.0)]

    def adversarial_step(self, batch: Batch) -> Terms:
        refining = self.images_seen >= self.refine_from
        if refining or self.is_paired(batch.step):  # a mirrored shot has no face to go with
            batch = Batch(self.exemplars.upright(batch.reals, batch.ids), batch.ids, batch.step)
        return self.refine_codes(batch) if refining else super().adversarial_step(batch)

    def is_paired(self, step: int) -> bool:
        """Whether this step shows the faces that the shots were made of, or random ones."""
        return step % self.paired_every == self.paired_every - 1

    @torch.no_grad()
    def draw(self, batch: Batch) -> Batch:
        ids, g = batch.ids, self.g.generator
        if self.is_paired(batch.step):
            codes = self.exemplars.intrinsic[ids].clone()  # the rows below are written into it
            codes[:, self.recoloured_from :] = self.noise_like(codes[:, self.recoloured_from :])
            ws = rows_mapped(g, codes)
        else:
            ws = self.ws(g, self.noise(len(ids)))
        ex_ws = rows_mapped(g, self.exemplars.extrinsic[ids])
        ex_ws = ex_ws + self.jitter * self.w_std * self.noise_like(ex_ws)
        return Batch(batch.reals, ids, batch.step, styles=(ws, ex_ws))

    def noise_like(self, rows: Tensor) -> Tensor:
        return draws.randn(rows.shape, self.rng, rows.device).to(rows.dtype)

    def parts(self, batch: Batch) -> Iterable[Batch]:
        return [batch.part(rows) for rows in self.chunks(len(batch))]

    def chunks(self, n: int) -> list[slice]:
        """Parts of a batch of n, of every so-manieth row: so do processes share a batch."""
        parts = -(-n // within(self.chunk, self.source.resolution, self.device))
        return [slice(part, None, parts) for part in range(parts)]

    def styled(self, ws: Tensor, ex_ws: Tensor) -> Tensor:
        """Training pictures [N, 3, R, R] in the whole style, with random noise maps."""
        weights = self.g.weights(1.0, 1.0)
        return self.g.synthesis(ws, ex_ws, weights, noise_mode="random", generator=self.rng)

    def fakes(self, batch: Batch) -> Tensor:
        return self.styled(*batch.styles)

    def d_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return AdversarialStep.d_loss(self, batch)  # the mapping network stays the source's

    def g_terms(self, batch: Batch) -> Terms:
        fakes = self.fakes(batch)
        with torch.no_grad():
            faces = self.g.synthesis(batch.styles[0])
        terms = self.style(fakes, batch.reals, faces, paired=self.is_paired(batch.step))
        return {**terms, "adversarial": self.g_logistic(fakes)}

    def g_losses(self, batch: Batch) -> Iterator[Terms]:
        yield from super().g_losses(batch)
        yield {"lengths": self.penalty(self.g)}  # once a step, not once a part

    def g_penalty(self, batch: Batch) -> Tensor:
        ws, ex_ws = batch.styles
        return self.path_length(lambda ws: self.styled(ws, ex_ws), ws, self.rng)

    def refine_codes(self, batch: Batch) -> Terms:
        """Stage IV: the shots' codes move until the averaged generator shows the shots."""
        g, total = cast(DualStyleGAN, self.eval_generator()), batch.reals.new_zeros(())
        with self.update(CODES):
            for part in self.parts(batch):
                ws = rows_mapped(g.generator, self.exemplars.intrinsic[part.ids])
                ex_ws = rows_mapped(g.generator, self.exemplars.extrinsic[part.ids])
                shown = g.synthesis(ws, ex_ws, g.weights(1.0, 1.0))
                loss = self.style.refining(shown, part.reals)
                # A sum over the pictures of all processes: each code has an Adam of its own.
                self.manual_backward(loss * len(part) * distributed.world_size())
                total += loss.detach() * part.share
        return {"refining": total}

    def export(self) -> dict[str, nn.Module]:
        sampler = self.sampling.sampler(self.exemplars, self.device)
        networks = {"g_ema": self.eval_generator(), "d": self.d}
        return {**networks, "exemplars": self.exemplars, "sampler": sampler}

    def latents(self, z: Tensor) -> Tensor:
        return self.traceable_latents()(z)

    def traceable_latents(self) -> Callable[[Tensor], Tensor]:
        faces, styles = super().latents, self.styles.drawing()
        return lambda z: torch.cat([faces(z), styles(z)], dim=1)

    def render(self, ws: Tensor) -> Tensor:
        """Images [N, 3, R, R] of rows [N, 2 L, W], or of [N, L, W] in the shots' mean style."""
        rows = self.g.num_ws
        if ws.shape[1] == rows:
            return self.styles.apply(ws, self.styles.mean(), self.unnamed_strength)
        return self.styles.apply(ws[:, :rows], ws[:, rows:], self.strength)
