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

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from adapters.base import Adapter, D, G
from adapters.dualstylegan.cache import PretrainingCache
from adapters.dualstylegan.destylisation import unseen
from adapters.dualstylegan.losses import NormPenalty, StyleLoss
from core import distributed
from core.augment import Fixed, Off
from core.ema import EMA
from core.freeze import trainable
from core.losses.adversarial import logistic_d, logistic_g
from core.losses.penalties import R1, PathLength
from core.networks.discriminator import Discriminator
from core.networks.dualstylegan import DualStyleGAN
from core.networks.exemplars import Exemplars, thumbnails
from core.networks.generator import rows_mapped
from core.networks.style_mixing import mixed_ws
from core.networks.styles import Styles, StyleSampling, StyleStrength
from core.source import Source
from core.types import Shots

Optimise = Callable[..., Optimizer]
CODES = 2
"""The third player: the shots' extrinsic codes, in stage IV."""


class ExemplarTransfer(Adapter):
    """Progressive fine-tuning of DualStyleGAN.

    Args:
        source: whose generator stays inside.
        res_index: last structure row; see :class:`core.networks.dualstylegan.DualStyleGAN`.
        pretraining: finds or makes stage II and the codes of the shots.
        lr: of G and D in stage III.
        g_optimizer: makes G's optimiser.
        d_optimizer: makes D's.
        ema: makes the average, the structure transform's too.
        augment: of what D sees.
        r1: lazy penalty of D.
        path_length: lazy penalty of G.
        mixing_prob: share of unpaired fakes of two latents.
        paired_every: every so-manieth step is paired.
        recoloured_from: first row of a pair's face that is drawn anew.
        jitter: standard deviation of what is added to extrinsic styles, in spreads.
        style: the generator's objective beside the adversarial one.
        penalty: on the lengths of the path's tensors.
        chunk: pictures at a time; gradients of a batch are summed over chunks.
        refine_from: images after which stage IV begins.
        refine_lr: of ``structure`` and ``colour`` rows.
        styles: random styles and strengths; see :class:`core.networks.styles.StyleSampling`.
        strength: of a style that is named or drawn.
        unnamed_strength: of the shots' mean style, which photos get where no style is named.
        run: see :class:`Adapter`.
    """

    paper = "arXiv:2203.13248"
    g: DualStyleGAN
    d: Discriminator
    ema: EMA
    exemplars: Exemplars
    spread: Tensor

    def __init__(
        self,
        source: Source,
        *,
        res_index: int,
        pretraining: PretrainingCache,
        lr: float,
        g_optimizer: Optimise,
        d_optimizer: Optimise,
        ema: Callable[[nn.Module], EMA],
        augment: Off | Fixed,
        r1: R1,
        path_length: PathLength,
        mixing_prob: float,
        paired_every: int,
        recoloured_from: int,
        jitter: float,
        style: StyleLoss,
        penalty: NormPenalty,
        chunk: int,
        refine_from: int,
        refine_lr: dict[str, float],
        styles: StyleSampling,
        strength: StyleStrength,
        unnamed_strength: StyleStrength,
        **run: int,
    ) -> None:
        super().__init__(source, **run)
        self.g = DualStyleGAN.untrained(source.g, res_index=res_index)
        self.d = copy.deepcopy(source.d).train().requires_grad_(True)
        self.ema, self.augment, self.r1, self.path_length = ema(self.g), augment, r1, path_length
        self.exemplars = Exemplars(
            count=0,
            rows=self.g.num_ws,
            structure_rows=self.g.structure_rows,
            z_dim=self.g.z_dim,
        )
        self.register_buffer("spread", styles.spread(source.g))
        self.pretraining = pretraining
        self.lr, self.g_optimizer, self.d_optimizer = lr, g_optimizer, d_optimizer
        self.mixing_prob, self.paired_every = mixing_prob, paired_every
        self.recoloured_from, self.jitter, self.chunk = recoloured_from, jitter, chunk
        self.style, self.penalty = style, penalty
        self.refine_from, self.refine_lr = refine_from, refine_lr
        self.maker, self.strength, self.unnamed_strength = styles, strength, unnamed_strength
        find = partial(unseen, destylise=pretraining.destylise, cost=style.refining, lr=refine_lr)
        self.styles = Styles(self.judged(), self.exemplars, styles, find)
        self.stages = Stylise(self), Refine(self)

    def prepare(self, shots: Shots) -> None:
        """Stage II and destylisation: read from disk where they are there, else made."""
        dual = DualStyleGAN.untrained(self.source.g, res_index=self.g.config["res_index"])
        self.take(self.pretraining.path(self.source, dual.to(self.device)))
        codes = self.pretraining.codes(self.source, shots, self.seed)
        seen = [
            thumbnails(part).to(self.device) for part in shots.split(self.pretraining.batch_size)
        ]
        self.exemplars.fill(codes.extrinsic, codes.intrinsic, torch.cat(seen))

    def take(self, found: dict[str, Tensor]) -> None:
        """Begin with what stage II has learnt."""
        for network in (self.g, self.ema.model):
            path = {k.removeprefix("g."): v for k, v in found.items() if k.startswith("g.")}
            network.load_state_dict({**network.state_dict(), **path})
        self.d.load_state_dict({k[2:]: v for k, v in found.items() if k.startswith("d.")})

    def configure_optimizers(self) -> list[Optimizer]:
        """The players G, D and the shots' codes."""
        codes = [
            {"params": [self.exemplars.structure], "lr": self.refine_lr["structure"]},
            {"params": [self.exemplars.colour], "lr": self.refine_lr["colour"]},
        ]
        return [
            self.g_optimizer(trainable(self.g), lr=self.lr),
            self.d_optimizer(trainable(self.d), lr=self.lr),
            self.maker.optimizer(codes, lr=0.0),
        ]

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """A step of stage III, or of stage IV."""
        images, ids = batch
        stage = self.stages[self.images_seen >= self.refine_from]
        self.losses = stage.step(images, ids)
        self.images_seen += len(images)

    def noise_rows(self, like: Tensor) -> Tensor:
        """Standard normal numbers in the shape of a tensor, from the run's own stream."""
        return torch.randn(like.shape, generator=self.rng).to(like)

    def chunks(self, n: int) -> list[slice]:
        """Parts of a batch of n, of every so-manieth row: so do processes share a batch."""
        parts = -(-n // self.chunk)
        return [slice(part, None, parts) for part in range(parts)]

    @property
    def ones(self) -> list[float]:
        """The weights that are trained."""
        return self.g.weights(1.0, 1.0)

    @property
    def random(self) -> dict[str, Any]:
        """How training pictures get their noise."""
        return {"noise_mode": "random", "generator": self.rng}

    def readings(self) -> dict[str, Tensor]:
        """The losses and the augmentation probability."""
        return super().readings() | {"p": self.augment.p}

    def judged(self) -> DualStyleGAN:
        """The averaged generator."""
        return cast(DualStyleGAN, self.ema.model)

    def export(self) -> dict[str, nn.Module]:
        """Generator, discriminator, the shots' codes and what draws random ones."""
        made = self.maker.sampler(self.exemplars, self.device)
        return {"g_ema": self.judged(), "d": self.d, "exemplars": self.exemplars, "sampler": made}

    def latents(self, z: Tensor) -> Tensor:
        """Intrinsic rows of z [N, Z], then extrinsic ones of a random style each: [N, 2 L, W]."""
        return torch.cat([self.judged().mapping(z), self.styles.drawn(z)], dim=1)

    def render(self, ws: Tensor) -> Tensor:
        """Images [N, 3, R, R] of rows [N, 2 L, W], or of [N, L, W] in the mean style of the shots.

        The yaml's strengths say how much of the style there is.
        """
        rows = self.judged().num_ws
        if ws.shape[1] == rows:
            return self.styles.on(ws, self.styles.mean(), self.unnamed_strength)
        return self.styles.on(ws[:, :rows], ws[:, rows:], self.strength)


class Stylise:
    """Stage III: the path learns the target, on faces of random latents or on the shots' own."""

    def __init__(self, run: ExemplarTransfer) -> None:
        self.run = run

    def step(self, images: Tensor, ids: Tensor) -> dict[str, Tensor]:
        """D, then G, where it is due each with its penalty; what they lost."""
        run = self.run
        step = run.images_seen // run.batch_size
        paired = step % run.paired_every == run.paired_every - 1
        if paired:
            images = run.exemplars.upright(images, ids)
        loss_d, logits = self.discriminate(images, ids, paired, step)
        found: dict[str, Tensor] = {}
        with run.turn(G):
            ws, ex_ws = self.draw(ids, paired)
            for part in run.chunks(len(images)):
                fakes = run.g.synthesis(ws[part], ex_ws[part], run.ones, **run.random)
                with torch.no_grad():
                    faces = run.g.synthesis(ws[part])
                terms = run.style(fakes, images[part], faces, paired=paired)
                terms["adversarial"] = logistic_g(run.d(run.augment(fakes)))
                share = len(fakes) / len(images)
                run.manual_backward(torch.stack(list(terms.values())).sum() * share)
                for name, term in terms.items():
                    found[name] = found.get(name, 0) + share * term.detach()
            lengths = run.penalty(run.g)
            run.manual_backward(lengths)
        if run.path_length.due(step):
            self.regularise(ids[: run.path_length.batch(len(ids))], paired)
        run.augment.observe(logits)
        run.ema.update(run.g, len(images))
        return {"loss_d": loss_d, **found, "lengths": lengths.detach()}

    def discriminate(
        self, images: Tensor, ids: Tensor, paired: bool, step: int
    ) -> tuple[Tensor, Tensor]:
        """D's move and its lazy R1; its loss and the logits [N, 1] of the reals."""
        run = self.run
        losses, logits = [], []
        with run.turn(D):
            with torch.no_grad():
                ws, ex_ws = self.draw(ids, paired)
            for part in run.chunks(len(images)):
                with torch.no_grad():
                    fakes = run.g.synthesis(ws[part], ex_ws[part], run.ones, **run.random)
                real = run.d(run.augment(images[part]))
                loss = logistic_d(real, run.d(run.augment(fakes)))
                run.manual_backward(loss * len(fakes) / len(images))
                losses.append(loss.detach())
                logits.append(real.detach())
        if run.r1.due(step):
            with run.turn(D):
                for part in run.chunks(len(images)):
                    cost = run.r1(run.d, images[part], run.augment)
                    run.manual_backward(cost * len(images[part]) / len(images))
        return torch.stack(losses).mean(), torch.cat(logits)

    def regularise(self, ids: Tensor, paired: bool) -> None:
        """G's lazy path length, along intrinsic styles; every part moves the running mean."""
        run = self.run
        with run.turn(G):
            ws, ex_ws = self.draw(ids, paired)
            for part in run.chunks(len(ids)):
                how = {"ex_ws": ex_ws[part], "weights": run.ones, **run.random}
                cost = run.path_length(partial(run.g.synthesis, **how), ws[part], run.rng)
                run.manual_backward(cost * len(ws[part]) / len(ids))

    def draw(self, ids: Tensor, paired: bool) -> tuple[Tensor, Tensor]:
        """Intrinsic styles of faces and extrinsic ones of the shots ids [N]: [N, L, W] each."""
        run = self.run
        with torch.no_grad():
            if paired:
                codes = run.exemplars.intrinsic[ids].clone()
                codes[:, run.recoloured_from :] = run.noise_rows(codes[:, run.recoloured_from :])
                ws = rows_mapped(run.g.generator, codes)
            else:
                z, other = run.noise(len(ids)), run.noise(len(ids))
                ws = mixed_ws(run.g.generator.mapping, z, other, run.mixing_prob, run.rng)
            ex_ws = rows_mapped(run.g.generator, run.exemplars.extrinsic[ids])
            return ws, ex_ws + run.jitter * run.spread * run.noise_rows(ex_ws)


class Refine:
    """Stage IV: the shots' codes move until the averaged generator shows the shots."""

    def __init__(self, run: ExemplarTransfer) -> None:
        self.run = run

    def step(self, images: Tensor, ids: Tensor) -> dict[str, Tensor]:
        """The codes of these shots; what they lost."""
        run = self.run
        images, judged = run.exemplars.upright(images, ids), run.judged()
        total = images.new_zeros(())
        with run.turn(CODES):
            for part in run.chunks(len(images)):
                ws = rows_mapped(judged.generator, run.exemplars.intrinsic[ids[part]])
                ex_ws = rows_mapped(judged.generator, run.exemplars.extrinsic[ids[part]])
                made = judged.synthesis(ws, ex_ws, run.ones)
                loss = run.style.refining(made, images[part])
                # A sum over the pictures of all processes: each has its own optimiser.
                run.manual_backward(loss * len(made) * distributed.world())
                total += loss.detach() * len(made) / len(images)
        return {"refining": total}
