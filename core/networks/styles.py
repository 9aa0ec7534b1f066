"""Styles at hand: picked, drawn at random, mixed, and given in strengths (arXiv:2203.13248). Two
small networks turn noise into random structure rows and colour rows of Z+ codes. They are trained
by implicit maximum likelihood (arXiv:1809.09087, arXiv:1812.08985): every code pulls the nearest of
many generated ones towards itself, so none is forgotten.
Departs from the public code in: exact nearest codes without a library; evaluation mode when
drawing, so that a style does not depend on those drawn with it; any number of codes; the optimiser
lives through all rounds.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, NamedTuple

import torch
import torch.nn.functional as F
from annotated_types import Le
from torch import Tensor, nn
from torch.optim import Optimizer

from core import hashing
from core.bounds import Count, Few, Natural, Pair, Seed, Share, Weight
from core.networks.dualstylegan import DualStyleGAN
from core.networks.encoders.compact import w_std
from core.networks.exemplars import Exemplars
from core.networks.generator import Generator, rows_mapped
from core.networks.registry import network

NOISE = BATCH = 128  # width of the noise, and codes a step; with DECAY as in the public code
DECAY = 1e-5  # of the weights
SAME = 4 / 127.5  # four grey levels: a thumbnail that differs by less is of the same picture


class CodeSampler(nn.Module):
    """Noise [N, 128] to codes [N, O]."""

    def __init__(self, out_features: int) -> None:
        super().__init__()
        self.lin1 = nn.Linear(NOISE, NOISE, bias=False)
        self.bn1 = nn.BatchNorm1d(NOISE)
        self.lin2 = nn.Linear(NOISE, NOISE, bias=False)
        self.bn2 = nn.BatchNorm1d(NOISE)
        self.lin_out = nn.Linear(NOISE, out_features, bias=False)

    def forward(self, noise: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.lin1(noise)))
        return self.lin_out(F.relu(self.bn2(self.lin2(x))))


@network
class StyleSampler(nn.Module):
    """Noise to Z+ codes, structure and colour apart; ``loaded`` once it was given a state."""

    def __init__(self, *, rows: int, structure_rows: int, z_dim: int) -> None:
        super().__init__()
        self.config = {"rows": rows, "structure_rows": structure_rows, "z_dim": z_dim}
        self.rows, self.z_dim, self.loaded = rows, z_dim, False
        self.structure = CodeSampler(structure_rows * z_dim)
        self.colour = CodeSampler((rows - structure_rows) * z_dim)

    def forward(self, structure: Tensor, colour: Tensor) -> Tensor:
        """Codes [N, L, Z] of two noises [N, 128]."""
        codes = torch.cat([self.structure(structure), self.colour(colour)], dim=1)
        return codes.unflatten(1, (self.rows, self.z_dim))

    def _load_from_state_dict(self, *state: Any) -> None:
        self.loaded = True
        super()._load_from_state_dict(*state)


@torch.enable_grad()
def learn(
    network: CodeSampler,
    codes: Tensor,
    *,
    rounds: int,
    copies: int,
    jitter: float,
    lr: float,
    halve: int,
    rng: torch.Generator,
) -> None:
    """Train a network in place to draw codes like [K, O]; it ends in evaluation mode. Codes are
    repeated to ``copies`` in all, each with noise of deviation ``jitter``; the rate is halved after
    every ``halve`` of the rounds.
    """
    repeated = codes.repeat(max(copies // len(codes), 1), 1)
    data = repeated + jitter * torch.randn(repeated.shape, generator=rng)
    adam = torch.optim.Adam(network.parameters(), lr=lr, betas=(0.5, 0.999), weight_decay=DECAY)
    for number in range(rounds):
        adam.param_groups[0]["lr"] = lr * 0.5 ** (number // halve)
        # Twice as many are drawn as there are codes, so that most codes find a near one.
        noise = torch.randn(2 * max(len(data) // BATCH, 1) * BATCH, NOISE, generator=rng)
        with torch.no_grad():
            drawn = torch.cat([network.train()(part) for part in noise.split(BATCH)])
            parts = data.split(1024)  # distances to all codes drawn: 80 MB for 10,000 codes
            nearest = torch.cat([torch.cdist(part, drawn).argmin(1) for part in parts])
        order = torch.randperm(len(data), generator=rng)
        for part in order.split(BATCH):
            if len(part) > 1:  # a batch norm has nothing to say about one
                adam.zero_grad()
                F.mse_loss(network(noise[nearest[part]]), data[part]).backward()
                adam.step()
    network.eval()


class StyleSampling:
    """The sampling network of a set of exemplars, trained when first asked for: a function of their
    codes and of these numbers, so in no checkpoint. ``samples`` give the deviation of styles,
    ``optimizer`` makes the exemplars' optimiser.
    """

    def __init__(
        self,
        *,
        sampler_steps: Natural,
        copies: Few,
        jitter: Weight,
        lr: Weight,
        halve: Count,
        seed: Seed,
        samples: Annotated[Pair, Le(1_000_000)],
        optimizer: Callable[..., Optimizer],
    ) -> None:
        rates: dict[str, Any] = {"lr": lr, "halve": halve, "rounds": sampler_steps}
        self.learn: Callable[..., None] = partial(learn, copies=copies, jitter=jitter, **rates)
        self.seed, self.samples, self.optimizer = seed, samples, optimizer
        self.samplers: dict[str, StyleSampler] = {}  # one at most, by the codes it has learnt

    def w_std(self, g: Generator) -> Tensor:
        return w_std(g, samples=self.samples, seed=self.seed)

    def sampler(self, exemplars: Exemplars, device: torch.device) -> StyleSampler:
        """The network that draws codes like the exemplars'; a loaded state came with them."""
        codes = exemplars.extrinsic.detach().cpu()
        name = hashing.of_bytes(codes.numpy().tobytes())
        loaded = [network for network in self.samplers.values() if network.loaded]
        if loaded or name not in self.samplers:
            self.samplers = {name: loaded[0] if loaded else self._trained(exemplars, codes)}
            self.samplers[name].loaded = False
        return self.samplers[name].to(device)

    def drawing(self, exemplars: Exemplars, device: torch.device) -> Callable[[Tensor], Tensor]:
        """Latents z [N, Z] to codes [N, L, Z] of random styles, the same for the same latents."""
        sampler, width = self.sampler(exemplars, device), exemplars.z_dim
        rng = torch.Generator().manual_seed(self.seed)
        turns = torch.randn(2, width, NOISE, generator=rng).to(device) / width**0.5
        return lambda z: sampler(z @ turns[0], z @ turns[1])

    def _trained(self, exemplars: Exemplars, codes: Tensor) -> StyleSampler:
        config = {k: v for k, v in exemplars.config.items() if k != "count"}
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            network = StyleSampler(**config)
        rng = torch.Generator().manual_seed(self.seed)
        cut = exemplars.structure_rows
        parts = ((network.structure, codes[:, :cut]), (network.colour, codes[:, cut:]))
        for part, rows in parts if len(codes) else ():
            self.learn(part, rows.flatten(1), rng=rng)
        return network.eval().requires_grad_(False)


class StyleStrength(NamedTuple):
    """How much of a style a face is given: weights of all structure rows and of all colour rows, 0
    to 1; with ``preserve`` 1 the palette stays the photo's; ``psi`` truncates the face towards the
    average style; 1 leaves it.
    """

    structure: Share
    colour: Share
    preserve: Share
    psi: Weight

    def __call__(self, g: DualStyleGAN, ws: Tensor, ex_ws: Tensor) -> Tensor:
        """Images [N, 3, R, R] of faces ws and styles ex_ws, [N, L, W] both."""
        average = g.generator.mapping.w_avg
        away = ws - average
        own = ex_ws.lerp(average + away, self.preserve)  # truncation is not for extrinsic rows
        rows = torch.cat([ex_ws[:, : g.structure_rows], own[:, g.structure_rows :]], dim=1)
        weights = g.weights(self.structure, self.colour)
        return g.synthesis(average + self.psi * away, rows, weights)


class Styles:
    """The styles [1, L, W] that exemplars lend to faces; ``embed`` finds that of other pictures."""

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

    def drawing(self) -> Callable[[Tensor], Tensor]:
        """Latents z [N, Z] to random styles [N, L, W], the same for the same latents."""
        codes = self.sampling.drawing(self.exemplars, self.exemplars.structure.device)
        return lambda z: rows_mapped(self.g.generator, codes(z))

    def sample(self, z: Tensor) -> Tensor:
        """Random styles [N, L, W] of latents z [N, Z]."""
        return self.drawing()(z)

    def apply(self, ws: Tensor, style: Tensor, strength: StyleStrength) -> Tensor:
        """Images [N, 3, R, R] of faces ws [N, L, W] in styles [1 or N, L, W]."""
        return strength(self.g, ws, style.expand(ws.shape[0], -1, -1))

    def reconstruct(self, which: int, strength: StyleStrength) -> Tensor:
        """Image [1, 3, R, R] of an exemplar: its own face in its own style."""
        face = self.exemplars.intrinsic[which : which + 1]
        return self.apply(rows_mapped(self.g.generator, face), self.exemplar(which), strength)


def mixed(styles: Sequence[Tensor]) -> Tensor:
    """Styles [1, L, W] in equal parts; one that is there twice counts twice."""
    return torch.cat(list(styles)).mean(dim=0, keepdim=True)
