"""Styles at hand: picked, drawn at random, mixed, and given in strengths (arXiv:2203.13248)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from core import hashing
from core.networks.dualstylegan import DualStyleGAN
from core.networks.encoders.compact import w_std
from core.networks.exemplars import Exemplars
from core.networks.generator import Generator, rows_mapped
from core.networks.style_sampler import NOISE, StyleSampler, learn

SAME = 4 / 127.5  # four grey levels: a thumbnail that differs by less is of the same picture


class StyleStrength(NamedTuple):
    """How much of a style a face is given. ``structure`` and ``colour`` weigh all rows of their
    kind, 0 to 1. ``preserve`` is the share of the face's own colours that pass the colour
    transforms; with 1 the palette stays the photo's. ``psi`` truncates the face towards the average
    style; 1 leaves it.
    """

    structure: float
    colour: float
    preserve: float
    psi: float

    def __call__(self, g: DualStyleGAN, ws: Tensor, ex_ws: Tensor) -> Tensor:
        """Images [N, 3, R, R] of faces ws and styles ex_ws, [N, L, W] both."""
        average = g.generator.mapping.w_avg
        away = ws - average
        own = ex_ws.lerp(average + away, self.preserve)  # truncation is not for extrinsic rows
        rows = torch.cat([ex_ws[:, : g.structure_rows], own[:, g.structure_rows :]], dim=1)
        weights = g.weights(self.structure, self.colour)
        return g.synthesis(average + self.psi * away, rows, weights)


class StyleSampling:
    """The sampling network of a set of exemplars, trained when first asked for. It is a function of
    their codes and of these numbers, so it is in no checkpoint. ``sampler_steps`` are rounds over
    all codes, ``copies`` to ``halve`` as in :func:`core.networks.style_sampler.learn`, ``seed`` is
    of all that is random here, ``samples`` are the latents from which the deviation of styles is
    taken, and ``optimizer`` makes the optimiser of the exemplars' codes.
    """

    def __init__(
        self,
        *,
        sampler_steps: int,
        copies: int,
        jitter: float,
        lr: float,
        halve: int,
        seed: int,
        samples: int,
        optimizer: Callable[..., Optimizer],
    ) -> None:
        self.how: dict[str, Any] = {"copies": copies, "jitter": jitter, "lr": lr, "halve": halve}
        self.rounds, self.seed, self.samples = sampler_steps, seed, samples
        self.optimizer = optimizer
        self.samplers: dict[str, StyleSampler] = {}  # one at most, by the codes it has learnt

    def w_std(self, g: Generator) -> Tensor:
        return w_std(g, samples=self.samples, seed=self.seed)

    def sampler(self, exemplars: Exemplars, device: torch.device) -> StyleSampler:
        """The network that draws codes like those of the exemplars. A state that it has been given
        since, it has learnt from the exemplars that came with it.
        """
        codes = exemplars.extrinsic.detach().cpu()
        name = hashing.of_bytes(codes.numpy().tobytes())
        loaded = [network for network in self.samplers.values() if network.loaded]
        if loaded or name not in self.samplers:
            self.samplers = {name: loaded[0] if loaded else self._trained(exemplars, codes)}
            self.samplers[name].loaded = False
        return self.samplers[name].to(device)

    def sample(self, z: Tensor, exemplars: Exemplars, device: torch.device) -> Tensor:
        """Codes [N, L, Z] of random styles, the same for the same latents z [N, Z]."""
        rng = torch.Generator().manual_seed(self.seed)
        turns = torch.randn(2, z.shape[1], NOISE, generator=rng).to(z) / z.shape[1] ** 0.5
        return self.sampler(exemplars, device)(z @ turns[0], z @ turns[1])

    def _trained(self, exemplars: Exemplars, codes: Tensor) -> StyleSampler:
        config = {k: v for k, v in exemplars.config.items() if k != "count"}
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            network = StyleSampler(**config)
        rng = torch.Generator().manual_seed(self.seed)
        cut = exemplars.structure_rows
        parts = ((network.structure, codes[:, :cut]), (network.colour, codes[:, cut:]))
        for part, rows in parts if len(codes) else ():
            learn(part, rows.flatten(1), rounds=self.rounds, rng=rng, **self.how)
        return network.eval().requires_grad_(False)


class Styles:
    """The styles that a generator's exemplars lend to faces: extrinsic rows [1, L, W]. ``sampling``
    draws styles like theirs, ``embed`` finds that of a picture [3, R, R] that is none.
    """

    def __init__(
        self,
        g: DualStyleGAN,
        exemplars: Exemplars,
        sampling: StyleSampling,
        embed: Callable[[DualStyleGAN, Tensor], Tensor],
    ) -> None:
        self.g, self.exemplars, self.sampling, self.embed = g, exemplars, sampling, embed

    def __len__(self) -> int:
        return len(self.exemplars)

    @property
    def average_face(self) -> Tensor:
        """Intrinsic styles [1, L, W] of nobody in particular."""
        return self.g.generator.mapping.w_avg.expand(1, self.g.num_ws, -1)

    def exemplar(self, which: int) -> Tensor:
        return rows_mapped(self.g.generator, self.exemplars.extrinsic.detach()[which : which + 1])

    def mean(self) -> Tensor:
        rows = rows_mapped(self.g.generator, self.exemplars.extrinsic.detach())
        return rows.mean(dim=0, keepdim=True)

    def style_of(self, picture: Tensor) -> Tensor:
        """The style of a picture [3, R, R]: an exemplar's, or of one never seen."""
        which, gap = self.exemplars.nearest(picture)
        return self.exemplar(which) if gap < SAME else self.embed(self.g, picture)

    def sample(self, z: Tensor) -> Tensor:
        """Random styles [N, L, W], the same for the same latents z [N, Z]."""
        codes = self.sampling.sample(z, self.exemplars, self.exemplars.structure.device)
        return rows_mapped(self.g.generator, codes)

    def apply(self, ws: Tensor, style: Tensor, strength: StyleStrength) -> Tensor:
        """Images [N, 3, R, R] of faces ws [N, L, W] in styles [1 or N, L, W]."""
        return strength(self.g, ws, style.expand(len(ws), -1, -1))

    def reconstruct(self, which: int, strength: StyleStrength) -> Tensor:
        """Image [1, 3, R, R] of an exemplar: its own face in its own style."""
        face = self.exemplars.intrinsic[which : which + 1]
        return self.apply(rows_mapped(self.g.generator, face), self.exemplar(which), strength)


def mixed(styles: Sequence[Tensor]) -> Tensor:
    """Styles [1, L, W] in equal parts; one that is there twice counts twice."""
    return torch.cat(list(styles)).mean(dim=0, keepdim=True)
