"""The contract of a method: a source generator in, a generator of another domain out."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import lightning as L
import torch
from torch import Tensor, nn

from core import distributed, draws
from core.bounds import Count, Seed
from core.freeze import trainable
from core.optim import fuse
from core.source import Source
from core.types import Shots

G, D = 0, 1  # the networks, in the order in which configure_optimizers returns their optimisers
M = TypeVar("M", bound=nn.Module)
Terms = dict[str, Tensor]  # scalars that are summed and minimised, each logged under its name


class Adapter(L.LightningModule):
    """Turns a source generator into a generator of another domain, from K images.
    A method implements four members: ``configure_optimizers`` (of G, then of D), ``training_step``
    (on ``(images [N, 3, R, R], ids [N])``, with manual optimisation), ``latents`` and ``render``.
    The last weights are the result. ``images_seen`` is the clock, which a step moves on, since
    Lightning's ``global_step`` counts optimiser steps. The generator that is trained is called
    ``g``, a discriminator ``d``; ``paper`` says where the method is from.
    """

    paper: str = ""
    inverts_shots: bool = False  # by the source's inverter, before it trains
    source: Source

    def __init__(self, source: Source, *, seed: Seed, images: Count, batch_size: Count) -> None:
        super().__init__()
        self.automatic_optimization = False  # a step has several optimisers and penalties
        self.source = source
        self.seed, self.images, self.batch_size = seed, images, batch_size
        self.terms: Terms = {}
        self.gradient_norms: dict[str, Tensor] = {}
        self._seen = 0
        self.rng = torch.Generator().manual_seed(seed)  # see `core.draws`

    @property
    def images_seen(self) -> int:
        """Pictures shown so far, by all processes that train together."""
        return self._seen

    @images_seen.setter
    def images_seen(self, seen: int) -> None:
        # What a step adds are the pictures of this process; the others had as many.
        self._seen += (int(seen) - self._seen) * distributed.world_size()

    def start_at(self, images: int) -> None:
        self._seen = images

    def latents(self, z: Tensor) -> Tensor:
        """Style rows [N, L, W] of latents [N, Z], as :meth:`render` takes them."""
        raise NotImplementedError(f"{type(self).__name__} has no latents.")

    def traceable_latents(self) -> Callable[[Tensor], Tensor]:
        """:meth:`latents` of the present weights, with all done that is no function of z."""
        return self.latents

    def render(self, ws: Tensor) -> Tensor:
        """Images [N, 3, R, R] in [-1, 1] of styles [N, L, W], by the generator for evaluation."""
        raise NotImplementedError(f"{type(self).__name__} has no render.")

    def prepare(self, shots: Shots) -> None:
        """Look at all shots [K, 3, R, R] before the first step; not where a run is read back."""

    def eval_generator(self) -> nn.Module:
        """The generator whose weights are the result of the run: here the trained one as it is."""
        return self.network(G)

    def export(self) -> dict[str, nn.Module]:
        """What pictures are made with, by name, for an adapter that has seen no shot."""
        return {"g_ema": self.eval_generator()}

    def recall(self, networks: Mapping[str, nn.Module]) -> None:
        """Take back, before anything is made with them, those that :meth:`export` gave."""
        for name, network in self.export().items():
            if name in networks:
                network.load_state_dict(networks[name].state_dict())

    def sample(self, z: Tensor) -> Tensor:
        """Images [N, 3, R, R] of latents [N, Z]: a pure function of z, with constant noise."""
        return self.render(self.latents(z))

    def stylise(self, photos: Tensor) -> Tensor:
        return self.render(self.source.invert(photos))

    def noise(self, n: int) -> Tensor:
        """Latents [n, Z] from the run's own random stream."""
        return draws.randn((n, self.source.g.z_dim), self.rng, self.device)

    def fresh(self, offset: int, make: Callable[..., M], *args: Any, **config: Any) -> M:
        """A network with new weights, drawn from the run's seed whatever was drawn before.
        ``offset`` keeps those of one method apart: 0 is G or an encoder, 1 is D, 2 a network that
        stays untrained, 3 are patch heads, 4 and 5 miners, 6 and 7 modulations,
        8 factors of low rank, 9 a last layer.
        """
        with torch.random.fork_rng():
            torch.manual_seed(self.seed + offset)
            return make(*args, **config)

    def optimiser(self, index: int) -> Any:
        optimisers: Any = self.optimizers()
        return optimisers[index] if isinstance(optimisers, list) else optimisers

    @contextmanager
    def update(self, index: int) -> Iterator[None]:
        """An optimiser step: only its parameters get gradients, and it is taken at the end."""
        optimiser = self.optimiser(index)
        self.toggle_optimizer(optimiser)
        optimiser.zero_grad(set_to_none=True)
        yield
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        gradients = [p.grad for p in parameters if p.grad is not None]
        distributed.all_reduce_mean_(gradients)  # before the norm, which all processes compare
        self.screen(index)
        gradients = [p.grad for p in parameters if p.grad is not None]
        # Left on the device, where asking would wait; a norm is finite only if all numbers are.
        name, norm = f"gradient of optimiser {index}", torch.nn.utils.get_total_norm(gradients)
        self.gradient_norms[name] = self.gradient_norms.get(name, 0) + norm
        optimiser.step()
        self.untoggle_optimizer(optimiser)

    def screen(self, index: int) -> None:
        """Take from an optimiser's gradients, those of all processes, what must not move."""

    def minimise(self, index: int, losses: Iterable[Terms]) -> Terms:
        """See :meth:`adapters.adversarial.AdversarialStep.minimise`."""
        total: Terms = {}
        with self.update(index):
            for terms in losses:
                self.manual_backward(torch.stack([*terms.values()]).sum())
                for name, term in terms.items():
                    total[name] = total.get(name, 0) + term.detach()
        return total

    def on_train_batch_start(self, *step: Any) -> None:
        self.gradient_norms = {}

    def trainable_count(self) -> int:
        """How many numbers of the network that is adapted may move."""
        return sum(p.numel() for p in trainable(self.network(G)))

    def network(self, index: int) -> nn.Module:
        return self.g if index == G else self.d  # type: ignore[return-value]

    def scalars(self) -> dict[str, Tensor]:
        return dict(self.terms)

    def on_fit_start(self) -> None:
        self.source.eval().requires_grad_(False)
        for optimiser in self.trainer.optimizers:
            fuse(optimiser)

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs: networks without the source, optimisers, random stream."""
        module = {k: v for k, v in self.state_dict().items() if not k.startswith("source.")}
        optimisers = [o.state_dict() for o in self.trainer.optimizers]
        own = {"module": module, "optimisers": optimisers, "rng": self.rng.get_state()}
        return {"images_seen": self.images_seen, **own}

    def load_networks(self, state: dict[str, Any]) -> None:
        """Take back the networks and the clock of what :meth:`state` gave."""
        source = {f"source.{k}": v for k, v in self.source.state_dict().items()}
        self.load_state_dict(state["module"] | source)
        self._seen = state["images_seen"]

    def restore(self, state: dict[str, Any]) -> None:
        """Take back all of it; the trainer holds the optimisers."""
        self.load_networks(state)
        for optimiser, saved in zip(self.trainer.optimizers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.rng.set_state(state["rng"])
