"""Cross-domain correspondence: keep how alike the source's pictures are, and judge patches.

Around a few anchors in latent space a picture must look real as a whole, elsewhere only in its
patches; and samples that the source makes alike must stay alike.

Paper: "Few-shot image generation via cross-domain correspondence" (Ojha et al., CVPR 2021,
arXiv:2104.06820).

Departs from the paper in: distances are compared among the step's own free samples, mixed alike and
with the same noise maps in both networks, which saves a pass and leaves the expectation; heads and
image branch share R1.

The table "paper / released code / here" is in conf/method/cdc.yaml.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from adapters.base import D, G
from adapters.finetune import FineTune
from core import distributed
from core.freeze import trainable
from core.losses.adversarial import logistic_d, logistic_g
from core.losses.cross_domain import Consistency, ConsistencyReleased
from core.networks.features import recorded
from core.networks.generator import Generator
from core.networks.patch_discriminator import PatchHeads
from core.source import Source
from core.types import Shots


class CDC(FineTune):
    """Fine-tuning with relaxed realism and a loss that keeps distances between samples.

    Args:
        source: whose distances are kept.
        anchor_sigma: how far samples lie from their anchors, in standard deviations of z.
        heads: makes the patch heads from a discriminator.
        consistency: loss of the maps of trainee and source.
        finetune: what plain transfer takes.
    """

    paper = "arXiv:2104.06820"
    anchors: Tensor

    def __init__(
        self,
        source: Source,
        *,
        anchor_sigma: float,
        heads: Callable[..., PatchHeads],
        consistency: Consistency | ConsistencyReleased,
        **finetune: Any,
    ) -> None:
        super().__init__(source, **finetune)
        self.anchor_sigma, self.consistency = anchor_sigma, consistency
        with torch.random.fork_rng():
            torch.manual_seed(self.seed + 3)
            self.heads = heads(self.d)
        # Drawn again by ``prepare`` when a run is resumed, so it needs no place in a checkpoint.
        self.register_buffer("anchors", torch.zeros(0, source.g.z_dim), persistent=False)

    def prepare(self, shots: Shots) -> None:
        """As many anchors as shots [K, 3, R, R]; which shot belongs to which is left open."""
        self.anchors = self.noise(len(shots))

    def configure_optimizers(self) -> list[Optimizer]:
        """The players G and D; the heads are D's."""
        judges = [*trainable(self.d), *trainable(self.heads)]
        return [
            self.g_optimizer(trainable(self.g), lr=self.lr),
            self.d_optimizer(judges, lr=self.lr),
        ]

    def near_anchors(self, n: int) -> Tensor:
        """Fakes [n, 3, R, R] of latents around the anchors, never mixed."""
        which = torch.randint(
            len(self.anchors), (n,), generator=self.rng, device=self.rng.device
        ).to(self.device)
        z = self.anchors[which] + self.anchor_sigma * self.noise(n)
        ws = self.g.mapping(z)
        return self.g.synthesis(ws, noise_mode="random", generator=self.rng)

    def patches(self, images: Tensor) -> list[Tensor]:
        """Maps of logits [N, 1, r, r] at all taps, of augmented images [N, 3, R, R]."""
        return self.heads(self.d, images, range(len(self.heads.taps)))

    def beside_source(self, n: int) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """As many free fakes, with the trainee's and the source's maps of the same latents."""
        z, start = self.noise(n), self.rng.get_state()
        with torch.no_grad(), layers(self.source.g) as theirs:
            ws = self.ws(self.source.g, z)
            self.source.g.synthesis(ws, noise_mode="random", generator=self.rng)
        self.rng.set_state(start)
        with layers(self.g) as ours:
            fakes, _ = self.generate(z)
        return fakes, [*ours.values()], [*theirs.values()]

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """D and its lazy R1, then G and its lazy path length, then the averages."""
        reals, _ = batch
        step = self.images_seen // self.batch_size
        loss_d, real_logits = self.discriminate(reals, step)

        with self.turn(G):
            realism, distance = self.wanted(len(reals), step)
            self.manual_backward(realism + distance)

        if self.path_length.due(step):
            with self.turn(G):
                ws = self.ws(self.g, self.noise(self.path_length.batch(len(reals))))
                self.manual_backward(self.path_length(self.g.synthesis, ws, self.rng))

        self.augment.observe(real_logits)
        self.ema.update(self.g, len(reals))
        self.images_seen += len(reals)
        self.losses = {
            "loss_d": loss_d,
            "loss_g": realism.detach(),
            "distance": distance.detach(),
        }

    def discriminate(self, reals: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """D's move and its lazy R1; its loss and the logits [N, 1] of the reals, detached."""
        with self.turn(D):
            loss, real_logits = self.verdict(reals, step)
            self.manual_backward(loss)
        if self.r1.due(step):
            with self.turn(D):
                self.manual_backward(self.roughness(reals, step))
        return loss.detach(), real_logits.detach()

    def verdict(self, reals: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """D's loss, of pictures near anchors and of patches anywhere; the reals' logits."""
        with torch.no_grad():
            near = self.near_anchors(len(reals))
            free, ws = self.generate(self.noise(len(reals)))
        self.g.mapping.track(ws[:, 0])
        real_logits, real_maps = self.heads.beside(self.d, self.augment(reals))
        image = logistic_d(real_logits, self.d(self.augment(near)))
        pairs = zip(real_maps, self.patches(self.augment(free)), strict=True)
        return image + mean([logistic_d(r, f) for r, f in pairs]), real_logits

    def roughness(self, reals: Tensor, step: int) -> Tensor:
        """R1 of the image logit and of the mean patch logit."""
        return self.r1(self.d, reals, self.augment) + self.r1(self.patch, reals, self.augment)

    def patch(self, images: Tensor) -> Tensor:
        """Logits [N, 1]: means over positions and taps, of augmented images [N, 3, R, R]."""
        return mean([logits.mean((2, 3)) for logits in self.patches(images)])

    def wanted(self, n: int, step: int) -> tuple[Tensor, Tensor]:
        """G's losses: realism near anchors and of patches anywhere; kept distances."""
        fakes, ours, theirs = self.beside_source(n)
        image = logistic_g(self.d(self.augment(self.near_anchors(n))))
        patch = mean([logistic_g(logits) for logits in self.patches(self.augment(fakes))])
        return image + patch, self.consistency(ours, theirs, self.rng)


class CDCReleased(CDC):
    """The public code: image and patches take turns, one tap, one map a sample, KL turned round.

    Args:
        source: its last weights are trainee and source, its averaged ones begin the average.
        image_every: of so many steps one judges pictures near anchors, the others patches.
        distance_samples: latents of the distances, which are drawn for them alone.
        cdc: what the paper's method takes.
    """

    def __init__(
        self,
        source: Source,
        *,
        image_every: int,
        distance_samples: int,
        **cdc: Any,
    ) -> None:
        super().__init__(source, **cdc)
        self.image_every, self.distance_samples = image_every, distance_samples
        self.ema.model.load_state_dict(source.g.state_dict())

    def initial_g(self) -> Generator:
        """Where the generator starts: the source's last weights, not the averaged ones."""
        return copy.deepcopy(self.source.raw)

    def of_image(self, step: int) -> bool:
        """Whether this step judges whole pictures."""
        return step % self.image_every == 0

    def drawn_patch(self, images: Tensor) -> Tensor:
        """Logits [N, 1, r, r] at a tap that is drawn anew for each pass."""
        rng = self.rng
        tap = int(torch.randint(len(self.heads.taps), (), generator=rng, device=rng.device))
        (logits,) = self.heads(self.d, images, [tap])
        return logits

    def judge(self, step: int) -> Callable[[Tensor], Tensor]:
        """What gives this step's logits, of augmented images."""
        return self.d if self.of_image(step) else self.drawn_patch

    def fakes(self, n: int, step: int) -> Tensor:
        """What this step judges, [n, 3, R, R]."""
        if self.of_image(step):
            return self.near_anchors(n)
        fakes, ws = self.generate(self.noise(n))
        self.g.mapping.track(ws[:, 0])
        return fakes

    def verdict(self, reals: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """D's loss in this step's branch; the reals' logits, averaged over positions."""
        judge = self.judge(step)
        with torch.no_grad():
            fakes = self.fakes(len(reals), step)
        real_logits = judge(self.augment(reals))
        loss = logistic_d(real_logits, judge(self.augment(fakes)))
        return loss, real_logits.flatten(1).mean(1, keepdim=True)

    def roughness(self, reals: Tensor, step: int) -> Tensor:
        """R1 of this step's branch; with the usual numbers it is never that of patches."""
        judge = self.judge(step)
        return self.r1(lambda x: judge(x).flatten(1).mean(1), reals, self.augment)

    def wanted(self, n: int, step: int) -> tuple[Tensor, Tensor]:
        """G's losses: realism in this step's branch; kept distances of other latents."""
        realism = logistic_g(self.judge(step)(self.augment(self.fakes(n, step))))
        with distributed.alike():  # so many latents a step, however many processes there are
            z = self.noise(self.distance_samples)
            with torch.no_grad(), layers(self.source.raw) as theirs:
                self.source.raw(z, noise_mode="random", generator=self.rng)
            with layers(self.g) as ours:
                self.g(z, noise_mode="random", generator=self.rng)
            distance = self.consistency([*ours.values()], [*theirs.values()], self.rng)
        return realism, distance


def layers(g: Generator) -> AbstractContextManager[dict[str, Tensor]]:
    """What each convolution of a generator gives, of a pass within the context."""
    return recorded(g.synthesis, g.synthesis.noise_names)


def mean(values: Sequence[Tensor]) -> Tensor:
    """The mean of tensors of one shape."""
    return torch.stack(list(values)).mean(0)
