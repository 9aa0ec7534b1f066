"""Cross-domain correspondence: keep how alike the source's pictures are, and judge patches.
Around a few anchors in latent space a picture must look real as a whole, elsewhere only in its
patches; and samples that the source makes alike must stay alike.
Paper: "Few-shot image generation via cross-domain correspondence" (Ojha et al., CVPR 2021,
arXiv:2104.06820).
Departs from the paper in: distances are compared among the step's own free samples, mixed alike and
with the same noise maps in both networks, which saves a pass and leaves the expectation; heads and
image branch share R1.
"""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from adapters.adversarial import Batch
from adapters.base import Terms
from adapters.finetune import FineTune
from core import distributed
from core.bounds import Count, Pair, Weight
from core.draws import sent
from core.freeze import trainable
from core.losses.adversarial import logistic_d, logistic_g
from core.losses.cross_domain import Consistency, ConsistencyReleased
from core.networks.activations import record_activations
from core.networks.generator import Generator
from core.networks.patch_discriminator import PatchHeads
from core.source import Source
from core.types import Shots

Maps = list[Tensor]  # [N, C, r, r], what each convolution gives, 4 px first


class RelaxedRealism(FineTune):
    """Fine-tuning whose fakes are judged whole near anchors and by their patches elsewhere."""

    anchors: Tensor

    def __init__(
        self,
        source: Source,
        *,
        anchor_sigma: Weight,  # of samples around their anchors, in standard deviations of z
        heads: Callable[..., PatchHeads],  # makes the patch heads from a discriminator
        **finetune: Any,
    ) -> None:
        super().__init__(source, **finetune)
        self.anchor_sigma, self.heads = anchor_sigma, self.fresh(3, heads, self.d)
        # Drawn again by ``prepare`` when a run is resumed, so it needs no place in a checkpoint.
        self.register_buffer("anchors", torch.zeros(0, source.g.z_dim), persistent=False)

    def prepare(self, shots: Shots) -> None:
        self.anchors = self.noise(len(shots))

    def trained_d(self) -> list[nn.Parameter]:
        return [*trainable(self.d), *trainable(self.heads)]

    def draw_index(self, below: int, shape: tuple[int, ...]) -> Tensor:
        return torch.randint(below, shape, generator=self.rng, device=self.rng.device)

    def anchor_fakes(self, n: int) -> Tensor:
        """Fakes [n, 3, R, R] of latents around the anchors, never mixed."""
        which = sent(self.draw_index(len(self.anchors), (n,)), self.device)
        z = self.anchors[which] + self.anchor_sigma * self.noise(n)
        return self.synthesise(self.map_latents(self.g, z))

    def patch_logits(self, images: Tensor) -> list[Tensor]:
        """Maps of logits [N, 1, r, r] at all taps, of augmented images [N, 3, R, R]."""
        return self.heads(self.d, images, range(len(self.heads.taps)))

    def paired_features(self, n: int) -> tuple[Tensor, Maps, Maps]:
        """Free fakes [n, 3, R, R], G's maps and the source's, of equal latents and noise."""
        z, start = self.noise(n), self.rng.get_state()  # both networks draw from here
        with torch.no_grad(), convolutions(self.source.g) as theirs:
            ws = self.ws(self.source.g, z)
            self.source.g.synthesis(ws, noise_mode="random", generator=self.rng)
        self.rng.set_state(start)
        with convolutions(self.g) as ours:
            fakes = self.synthesise(self.ws(self.g, z))
        return fakes, [*ours.values()], [*theirs.values()]

    def unmixed_features(self, source: Generator, z: Tensor, **noise: Any) -> tuple[Maps, Maps]:
        """G's maps and a source's of latents [N, Z] of their own."""
        with torch.no_grad(), convolutions(source) as theirs:
            source(z, **noise)
        with convolutions(self.g) as ours:
            self.g(z, **noise)
        return [*ours.values()], [*theirs.values()]

    def d_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            near = self.anchor_fakes(len(batch))
            free = self.tracked(self.noise(len(batch)))
        real_logits, real_maps = self.heads.beside(self.d, self.augment(batch.reals))
        image = logistic_d(real_logits, self.d(self.augment(near)))
        pairs = zip(real_maps, self.patch_logits(self.augment(free)), strict=True)
        return image + mean([logistic_d(r, f) for r, f in pairs]), real_logits

    def d_penalty(self, batch: Batch) -> Tensor:
        def patch_logit(images: Tensor) -> Tensor:  # one a picture: over positions and taps
            return mean([logits.mean((2, 3)) for logits in self.patch_logits(images)])

        image = self.r1(self.d, batch.reals, self.augment)
        return image + self.r1(patch_logit, batch.reals, self.augment)

    def g_terms(self, batch: Batch) -> Terms:
        fakes, ours, theirs = self.paired_features(len(batch))
        image = self.g_logistic(self.anchor_fakes(len(batch)))
        patch = mean([logistic_g(logits) for logits in self.patch_logits(self.augment(fakes))])
        return {"loss_g": image + patch, **self.correspondence(ours, theirs, batch.step)}

    def correspondence(self, ours: Maps, theirs: Maps, step: int) -> Terms:
        """What the free fakes pay, by the maps that :meth:`paired_features` gives."""
        raise NotImplementedError


class CDC(RelaxedRealism):
    """Relaxed realism and a loss that keeps distances between samples."""

    paper = "arXiv:2104.06820"

    def __init__(
        self, source: Source, *, consistency: Consistency | ConsistencyReleased, **relaxed: Any
    ) -> None:
        super().__init__(source, **relaxed)
        self.consistency = consistency

    def correspondence(self, ours: Maps, theirs: Maps, step: int) -> Terms:
        return {"distance": self.consistency(ours, theirs, self.rng)}


class CDCReleased(CDC):
    """The public code: image and patches take turns, one tap, one map a sample, KL turned round.
    The source's last weights are trainee and source, its averaged ones begin the average. One of
    ``image_every`` steps judges pictures near anchors, the others patches. Distances are of
    ``distance_samples`` latents that are drawn for them alone.
    """

    def __init__(
        self,
        source: Source,
        *,
        image_every: Count,
        distance_samples: Pair,
        zero_gradients: bool,  # whether weights that a step leaves out step by a gradient of zeros
        **cdc: Any,
    ) -> None:
        super().__init__(source, **cdc)
        self.image_every, self.distance_samples = image_every, distance_samples
        self.zero_gradients = zero_gradients
        self.ema.model.load_state_dict(source.g.state_dict())

    def minimise(self, index: int, losses: Iterable[Terms]) -> Terms:
        return super().minimise(
            index, self.filled(index, losses) if self.zero_gradients else losses
        )

    def filled(self, index: int, losses: Iterable[Terms]) -> Iterator[Terms]:
        """The same; after the last, weights that have moved before and have no gradient get zeros.
        torch 1.7 kept gradients as zeros from step to step, where later ones drop them.
        """
        yield from losses
        optimiser = self.optimiser(index)
        for p in (p for group in optimiser.param_groups for p in group["params"]):
            if p.grad is None and p in optimiser.state:
                p.grad = torch.zeros_like(p)

    def initial_g(self) -> Generator:
        return copy.deepcopy(self.source.raw)

    def is_image_step(self, step: int) -> bool:
        return step % self.image_every == 0

    def drawn_patch_logits(self, images: Tensor) -> Tensor:
        """Logits [N, 1, r, r] at a tap that is drawn anew for each pass."""
        (logits,) = self.heads(self.d, images, [int(self.draw_index(len(self.heads.taps), ()))])
        return logits

    def branch(self, step: int) -> Callable[[Tensor], Tensor]:
        """What gives this step's logits, of augmented images."""
        return self.d if self.is_image_step(step) else self.drawn_patch_logits

    def fakes(self, batch: Batch) -> Tensor:
        if self.is_image_step(batch.step):
            return self.anchor_fakes(len(batch))
        return self.tracked(self.noise(len(batch)))

    def d_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        logits = self.branch(batch.step)
        with torch.no_grad():
            fakes = self.fakes(batch)
        real_logits = logits(self.augment(batch.reals))
        loss = logistic_d(real_logits, logits(self.augment(fakes)))
        return loss, real_logits.flatten(1).mean(1, keepdim=True)

    def d_penalty(self, batch: Batch) -> Tensor:
        logits = self.branch(batch.step)
        return self.r1(lambda x: logits(x).flatten(1).mean(1), batch.reals, self.augment)

    def g_terms(self, batch: Batch) -> Terms:
        realism = logistic_g(self.branch(batch.step)(self.augment(self.fakes(batch))))
        with distributed.replicated():  # as many latents a step however many processes there are
            z, noise = self.noise(self.distance_samples), {"noise_mode": "random"}
            maps = self.unmixed_features(self.source.raw, z, generator=self.rng, **noise)
            kept = self.correspondence(*maps, batch.step)
        return {"loss_g": realism, **kept}


def convolutions(g: Generator) -> AbstractContextManager[dict[str, Tensor]]:
    """What each convolution of a generator gives, of a pass within the context."""
    return record_activations(g.synthesis, g.synthesis.noise_names)


def mean(values: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(values)).mean(0)
