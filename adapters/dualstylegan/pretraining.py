"""Short adversarial trainings around a source: what DualStyleGAN needs before it sees its target.
``StyleTuning`` shows the source's pair a style for a short while, so that its generator can paint
pictures of that style and still means the same by its latents. ``StructureTransfer`` is stage II of
the progressive training of DualStyleGAN (arXiv:2203.13248): on the source domain, the extrinsic
path learns to bring in the structure of one face at coarser and coarser rows of another.
Departs from the paper in: see the yaml of the method.
"""

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Annotated, Any, cast

import torch
from annotated_types import Le, Len
from torch import Tensor, nn
from torch.optim import Optimizer

from adapters.adversarial import AdversarialStep, Batch
from adapters.base import Terms
from core import draws
from core.augment import Off
from core.bounds import Count, Few, Natural, Seed, Share, Weight
from core.ema import EMA
from core.inversion.inverter import ZPlus
from core.losses.penalties import R1, NoPathLength
from core.networks.discriminator import Discriminator
from core.networks.dualstylegan import DualStyleGAN
from core.networks.generator import rows_mapped
from core.networks.mixing_regularisation import crossed, mixed_ws
from core.optim import fuse
from core.source import Source
from core.types import GuideNetwork, Shots

AT_ONCE = 8  # pictures that are held side by side; over the parts of more, gradients are summed


class Pretraining(AdversarialStep):
    """Trains ``trained`` of G, and D, with a random stream of their own, outside any trainer."""

    def __init__(
        self,
        g: nn.Module,
        trained: Sequence[nn.Parameter],
        d: Discriminator,
        *,
        seed: Seed,
        batch_size: Count,
        lr: Weight,
        g_optimizer: Callable[..., Optimizer],
        d_optimizer: Callable[..., Optimizer],
        r1: R1,
        ema: Callable[[nn.Module], EMA],
    ) -> None:
        self.device, self.batch_size = next(d.parameters()).device, batch_size
        self.g, self.d, self.ema = g, d, ema(g)
        self.r1, self.path_length, self.augment = r1, NoPathLength(every=float("inf")), Off()
        self.rng = torch.Generator().manual_seed(seed)
        self.trained = [list(trained), list(d.parameters())]  # by G and D
        for parameter in (*self.trained[0], *self.trained[1]):
            parameter.requires_grad_(True)
        makers = (g_optimizer, d_optimizer)
        self.optimisers = [make(p, lr=lr) for make, p in zip(makers, self.trained, strict=True)]
        for optimiser in self.optimisers:
            fuse(optimiser)

    def sample(self, number: int) -> Batch:
        raise NotImplementedError

    def step(self, number: int) -> None:
        self.adversarial_step(self.draw(self.sample(number)))

    def minimise(self, index: int, losses: Iterable[Terms]) -> Terms:
        """One step down the sum; parts may share the graph that their styles come from."""
        parameters, optimiser = self.trained[index], self.optimisers[index]
        for terms in losses:
            total = torch.stack([*terms.values()]).sum()
            # By name, so that the other network gets none.
            grads = torch.autograd.grad(total, parameters, allow_unused=True, retain_graph=True)
            del terms, total  # with all that their graph holds, before the next is made
            for p, grad in zip(parameters, grads, strict=True):
                if grad is not None:
                    p.grad = grad if p.grad is None else p.grad + grad
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        return {}

    def parts(self, batch: Batch) -> Iterable[Batch]:
        n = len(batch)
        if n <= AT_ONCE:
            return [batch]  # with its fakes
        return [batch.part(slice(at, at + AT_ONCE)) for at in range(0, n, AT_ONCE)]

    def draw(self, batch: Batch) -> Batch:
        few = len(batch) <= AT_ONCE and batch.fakes is None
        return replace(batch, fakes=self.fakes(batch)) if few else batch

    def fakes(self, batch: Batch) -> Tensor:
        return self.synthesise(*batch.styles) if batch.fakes is None else batch.fakes

    def synthesise(self, *styles: Tensor) -> Tensor:
        """Training fakes [N, 3, R, R] of styles."""
        raise NotImplementedError

    def noise(self, n: int, width: int) -> Tensor:
        return draws.randn((n, width), self.rng, self.device)

    def networks(self) -> dict[str, nn.Module]:
        return {"g": self.g, "d": self.d, "ema": self.ema}

    def state(self) -> dict[str, Any]:
        return {
            "networks": {k: v.state_dict() for k, v in self.networks().items()},
            "optimisers": [o.state_dict() for o in self.optimisers],
            "rng": self.rng.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        for name, network in self.networks().items():
            network.load_state_dict(state["networks"][name])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.rng.set_state(state["rng"])


class StyleTuning(Pretraining):
    """Plain fine-tuning of the whole pair on the shots [K, 3, R, R], for few steps."""

    def __init__(
        self,
        source: Source,
        shots: Shots,
        *,
        tuning_steps: Count,
        mixing_prob: Share,
        **training: Any,
    ) -> None:
        g = copy.deepcopy(source.g)
        super().__init__(g, list(g.parameters()), copy.deepcopy(source.d), **training)
        self.shots, self.steps, self.mixing_prob = shots, tuning_steps, mixing_prob

    def sample(self, number: int) -> Batch:
        n = self.batch_size
        ids = torch.randint(len(self.shots), (n,), generator=self.rng)
        coins = torch.rand(n, generator=self.rng) < 0.5  # which are mirrored
        reals = draws.sent(self.shots[ids], self.device)
        mirrored = draws.sent(coins, self.device)[:, None, None, None]
        reals = torch.where(mirrored, reals.flip(-1), reals)
        z, other = (self.noise(n, self.g.z_dim) for _ in range(2))
        ws = mixed_ws(self.g.mapping, z, other, self.mixing_prob, self.rng)
        return Batch(reals, ids, number, styles=(ws,))

    def synthesise(self, *styles: Tensor) -> Tensor:
        return self.g.synthesis(*styles, noise_mode="random", generator=self.rng)

    def outcome(self) -> dict[str, Tensor]:
        return self.ema.model.state_dict()


class StructureTransfer(Pretraining):
    """The extrinsic path learns on the source to take over the structure of another face."""

    def __init__(
        self,
        source: Source,  # whose pictures are the targets, the reals and the styles
        dual: DualStyleGAN,  # with a fresh extrinsic path; changed
        encode: ZPlus,  # pictures to Z+ codes
        guide: GuideNetwork,  # what the perceptual distance looks through
        *,
        # For each phase the first row that the style gives to the target.
        layers: Annotated[Sequence[Natural], Len(1)],
        phase_steps: Annotated[Natural, Le(1_000_000)],  # of each but the last
        last_steps: Few,
        encoded_every: Count,  # every so-manieth style is what the encoder reads off its picture
        adversarial: Weight,  # weights: of the adversarial losses,
        perceptual: Weight,  # of the perceptual distance from the target,
        pixel: Weight,  # and of the mean absolute difference
        **training: Any,
    ) -> None:
        super().__init__(dual, dual.extrinsic(), copy.deepcopy(source.d), **training)
        self.source, self.encode, self.guide = source, encode, guide
        counts = [phase_steps] * (len(layers) - 1) + [last_steps]
        self.rows = [row for row, n in zip(layers, counts, strict=True) for _ in range(n)]
        self.steps, self.encoded_every = len(self.rows), encoded_every
        self.adversarial, self.perceptual, self.pixel = adversarial, perceptual, pixel

    @torch.no_grad()
    def sample(self, number: int) -> Batch:
        g, n = self.source.g, self.batch_size
        ws, other = (g.mapping(self.noise(n, g.z_dim)) for _ in range(2))
        target = g.synthesis(crossed(ws, other, self.rows[number]))
        if number % self.encoded_every == 0 and self.encode.encoders:
            other = rows_mapped(g, self.encode(g, g.synthesis(other)))
        return Batch(target, torch.arange(n), number, styles=(ws, other))

    def synthesise(self, *styles: Tensor) -> Tensor:
        return self.g.synthesis(*styles, self.g.weights(1.0, 1.0))

    def d_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        loss, real_logits = super().d_loss(batch)
        return self.adversarial * loss, real_logits

    def g_terms(self, batch: Batch) -> Terms:
        fakes, target = self.fakes(batch), batch.reals
        near = (self.guide.embed(fakes) - self.guide.embed(target)).square().sum(1).mean()
        return {
            "adversarial": self.adversarial * self.g_logistic(fakes),
            "perceptual": self.perceptual * near,
            "pixel": self.pixel * (fakes - target).abs().mean(),
        }

    def outcome(self) -> dict[str, Tensor]:
        """The averaged extrinsic path ``g.*``, and the discriminator ``d.*``."""
        average = cast(nn.Module, self.ema.model).state_dict()
        path = {f"g.{k}": v for k, v in average.items() if not k.startswith("generator.")}
        return path | {f"d.{k}": v for k, v in self.d.state_dict().items()}
