"""Short adversarial games around a source: what DualStyleGAN needs before it sees its target.

``StyleTuning`` shows the source's pair a style for a short while, so that its generator can paint
pictures of that style and still means the same by its latents. ``StructureTransfer`` is stage II of
the progressive training of DualStyleGAN (arXiv:2203.13248): on the source domain, the extrinsic
path learns to bring in the structure of one face at coarser and coarser rows of another.

Departs from the paper in: see the yaml of the method.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from core.ema import EMA
from core.inversion.z_plus import ZPlus
from core.losses.adversarial import logistic_d, logistic_g
from core.losses.penalties import R1
from core.networks.discriminator import Discriminator
from core.networks.dualstylegan import DualStyleGAN
from core.networks.generator import Generator, rows_mapped
from core.networks.style_mixing import crossed, mixed_ws
from core.source import Source
from core.types import Guiding, Shots

Optimise = Callable[..., Optimizer]
Average = Callable[[nn.Module], EMA]
Paint = Callable[[slice], Tensor]
Cost = Callable[[Tensor, slice], Tensor]
AT_ONCE = 8
"""Pictures of a batch that are held side by side; over those of more, gradients are summed."""


def unchanged(images: Tensor) -> Tensor:
    """No augmentation."""
    return images


def parts(n: int) -> list[slice]:
    """A batch of n, so many pictures at once."""
    return [slice(at, min(at + AT_ONCE, n)) for at in range(0, n, AT_ONCE)]


def shares(cost: Callable[[slice], Tensor], n: int) -> Iterator[Tensor]:
    """What the parts of a batch of n add to the mean of a cost, each made when it is asked for."""
    for part in parts(n):
        yield cost(part) * ((part.stop - part.start) / n)


class Player:
    """A network's parameters and the optimiser that moves them."""

    def __init__(self, parameters: Sequence[nn.Parameter], optimise: Optimise, lr: float) -> None:
        for parameter in parameters:
            parameter.requires_grad_(True)
        self.parameters, self.optimiser = parameters, optimise(parameters, lr=lr)

    def move(self, losses: Iterable[Tensor]) -> None:
        """One step down the sum of losses, one held at a time; other networks get no gradients.

        They may share the graph that their styles come from.
        """
        for loss in losses:
            slopes = torch.autograd.grad(
                loss, self.parameters, allow_unused=True, retain_graph=True
            )
            del loss  # with all that its graph holds, before the next is made
            for parameter, slope in zip(self.parameters, slopes, strict=True):
                if slope is not None:
                    parameter.grad = slope if parameter.grad is None else parameter.grad + slope
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)


class Game:
    """What both games share: a discriminator that trains, a random stream, an average.

    Args:
        device: where the networks are.
        seed: of the random stream.
        batch_size: pictures at a time.
        lr: of both players.
        g_optimizer: makes G's optimiser.
        d_optimizer: makes D's.
        r1: the lazy penalty of D.
        ema: makes the average of G.
    """

    def __init__(
        self,
        device: torch.device,
        *,
        seed: int,
        batch_size: int,
        lr: float,
        g_optimizer: Optimise,
        d_optimizer: Optimise,
        r1: R1,
        ema: Average,
    ) -> None:
        self.device, self.batch_size, self.lr = device, batch_size, lr
        self.g_optimizer, self.d_optimizer = g_optimizer, d_optimizer
        self.r1, self.average = r1, ema
        self.rng = torch.Generator().manual_seed(seed)
        self.networks: dict[str, nn.Module] = {}
        self.players: dict[str, Player] = {}

    def begin(self, g: nn.Module, trained: Sequence[nn.Parameter], d: Discriminator) -> None:
        """Lay out networks and players."""
        self.networks = {"g": g, "d": d, "ema": self.average(g)}
        self.players = {
            "g": Player(trained, self.g_optimizer, self.lr),
            "d": Player(list(d.parameters()), self.d_optimizer, self.lr),
        }

    def play(self, reals: Tensor, number: int, weight: float, paint: Paint, cost: Cost) -> None:
        """A move of each; fakes are painted once, or for each where they are too many at once.

        Args:
            reals: what D should believe, [N, 3, R, R].
            number: of the step.
            weight: of D's loss; its lazy penalty is left alone.
            paint: makes the fakes of a part of the batch.
            cost: what G pays for these on average, given the part too.
        """
        n, d, ema = len(reals), self.networks["d"], cast(EMA, self.networks["ema"])
        held = [paint(part) for part in parts(n)] if n <= AT_ONCE else []
        with torch.no_grad():
            fakes = held[0].detach() if held else torch.cat([paint(part) for part in parts(n)])

        def believed(part: slice) -> Tensor:
            return weight * logistic_d(d(reals[part]), d(fakes[part]))

        def improved(part: slice) -> Tensor:
            return cost(held.pop() if held else paint(part), part)

        self.players["d"].move(shares(believed, n))
        if self.r1.due(number):
            penalties = shares(lambda part: self.r1(d, reals[part], unchanged), n)
            self.players["d"].move(penalties)
        self.players["g"].move(shares(improved, n))
        ema.update(self.networks["g"], self.batch_size)

    def noise(self, n: int, width: int) -> Tensor:
        """Latents [n, width]."""
        return torch.randn(n, width, generator=self.rng).to(self.device)

    def state(self) -> dict[str, Any]:
        """Networks, optimisers and the random stream."""
        return {
            "networks": {k: v.state_dict() for k, v in self.networks.items()},
            "optimisers": {k: v.optimiser.state_dict() for k, v in self.players.items()},
            "rng": self.rng.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take them back."""
        for name, network in self.networks.items():
            network.load_state_dict(state["networks"][name])
        for name, player in self.players.items():
            player.optimiser.load_state_dict(state["optimisers"][name])
        self.rng.set_state(state["rng"])


class StyleTuning(Game):
    """Plain fine-tuning of the whole pair on the shots, for few steps.

    Args:
        source: the pair.
        shots: [K, 3, R, R], drawn at random and mirrored by a coin.
        tuning_steps: of the game.
        mixing_prob: share of fakes of two latents.
        game: see :class:`Game`.
    """

    def __init__(
        self, source: Source, shots: Shots, *, tuning_steps: int, mixing_prob: float, **game: Any
    ) -> None:
        super().__init__(source.g.mapping.w_avg.device, **game)
        self.shots, self.steps, self.mixing_prob = shots, tuning_steps, mixing_prob
        self.g: Generator = copy.deepcopy(source.g)
        self.begin(self.g, list(self.g.parameters()), copy.deepcopy(source.d))

    def step(self, number: int) -> None:
        """One move of each."""
        ids = torch.randint(len(self.shots), (self.batch_size,), generator=self.rng)
        coins = torch.rand(self.batch_size, generator=self.rng) < 0.5
        reals = self.shots[ids]
        reals[coins] = reals[coins].flip(-1)
        reals = reals.to(self.device)
        z, other = (self.noise(self.batch_size, self.g.z_dim) for _ in range(2))
        ws = mixed_ws(self.g.mapping, z, other, self.mixing_prob, self.rng)

        def paint(part: slice) -> Tensor:
            return self.g.synthesis(ws[part], noise_mode="random", generator=self.rng)

        def cost(fakes: Tensor, part: slice) -> Tensor:
            return logistic_g(self.networks["d"](fakes))

        self.play(reals, number, 1.0, paint, cost)

    def outcome(self) -> dict[str, Tensor]:
        """The averaged generator."""
        ema: Any = self.networks["ema"]
        return ema.model.state_dict()


class StructureTransfer(Game):
    """The extrinsic path learns on the source to take over the structure of another face.

    Args:
        source: whose pictures are the targets, the reals and the styles.
        dual: with a fresh extrinsic path; changed.
        encode: pictures to Z+ codes.
        guide: what the perceptual distance looks through.
        layers: for each phase the first row that the style gives to the target.
        phase_steps: steps of each phase but the last.
        last_steps: steps of the last.
        encoded_every: every so-manieth style is what the encoder reads off its picture.
        adversarial: weight of the adversarial losses.
        perceptual: weight of the perceptual distance from the target.
        pixel: weight of the mean absolute difference.
        game: see :class:`Game`.
    """

    def __init__(
        self,
        source: Source,
        dual: DualStyleGAN,
        encode: ZPlus,
        guide: Guiding,
        *,
        layers: Sequence[int],
        phase_steps: int,
        last_steps: int,
        encoded_every: int,
        adversarial: float,
        perceptual: float,
        pixel: float,
        **game: Any,
    ) -> None:
        super().__init__(source.g.mapping.w_avg.device, **game)
        self.source, self.dual, self.encode, self.guide = source, dual, encode, guide
        counts = [phase_steps] * (len(layers) - 1) + [last_steps]
        self.plan = [row for row, n in zip(layers, counts, strict=True) for _ in range(n)]
        self.steps, self.encoded_every = len(self.plan), encoded_every
        self.adversarial, self.perceptual, self.pixel = adversarial, perceptual, pixel
        self.begin(dual, dual.extrinsic(), copy.deepcopy(source.d))

    def step(self, number: int) -> None:
        """One move of each, at the row that the plan says."""
        ws, ex_ws, target = self.draw(number)

        def paint(part: slice) -> Tensor:
            return self.dual.synthesis(ws[part], ex_ws[part], self.dual.weights(1.0, 1.0))

        def cost(fakes: Tensor, part: slice) -> Tensor:
            wanted = target[part]
            near = (self.guide.embed(fakes) - self.guide.embed(wanted)).square().sum(1).mean()
            loss = self.adversarial * logistic_g(self.networks["d"](fakes)) + self.perceptual * near
            return loss + self.pixel * (fakes - wanted).abs().mean()

        self.play(target, number, self.adversarial, paint, cost)

    @torch.no_grad()
    def draw(self, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """Intrinsic and extrinsic styles [N, L, W], and the picture they should give."""
        g = self.source.g
        ws, other = (g.mapping(self.noise(self.batch_size, g.z_dim)) for _ in range(2))
        target = g.synthesis(crossed(ws, other, self.plan[number]))
        if number % self.encoded_every == 0 and self.encode.encoders:
            other = rows_mapped(g, self.encode(g, g.synthesis(other)))
        return ws, other, target

    def outcome(self) -> dict[str, Tensor]:
        """The averaged extrinsic path, and the discriminator."""
        ema: Any = self.networks["ema"]
        path = {k: v for k, v in ema.model.state_dict().items() if not k.startswith("generator.")}
        return {f"g.{k}": v for k, v in path.items()} | {
            f"d.{k}": v for k, v in self.networks["d"].state_dict().items()
        }
