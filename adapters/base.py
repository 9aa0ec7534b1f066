"""The contract of a method: a source generator in, a generator of another domain out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from core import distributed
from core.freeze import trainable
from core.source import Source
from core.types import Count, Shots

G, D = 0, 1
"""The players, in the order in which ``configure_optimizers`` returns them."""


class Adapter(L.LightningModule):
    """Turns a source generator into a generator of another domain, from K images.

    A method implements four members: ``configure_optimizers`` (the players, in the order G, D),
    ``training_step`` (manual optimisation), ``latents`` and ``render``. The last weights are the
    result. ``images_seen`` is the clock, which a step moves on: Lightning's ``global_step`` counts
    optimiser steps. The generator that is trained is called ``g``, a discriminator ``d``.

    Attributes:
        paper: that the method is of.
    """

    paper: str = ""
    source: Source

    def __init__(self, source: Source, *, seed: int, images: Count, batch_size: Count) -> None:
        """Show ``images`` pictures in all, ``batch_size`` at a time, drawing from ``seed``."""
        super().__init__()
        self.automatic_optimization = False
        self.source = source
        self.seed, self.images, self.batch_size = seed, images, batch_size
        self.losses: dict[str, Tensor] = {}
        self.gradients: dict[str, Tensor] = {}
        self._seen = 0
        self.rng = torch.Generator().manual_seed(seed)

    @property
    def images_seen(self) -> int:
        """Pictures shown so far, by all processes that train together."""
        return self._seen

    @images_seen.setter
    def images_seen(self, seen: int) -> None:
        """What a step adds are the pictures of this process; the others had as many."""
        self._seen += (int(seen) - self._seen) * distributed.world()

    def start_at(self, images: int) -> None:
        """Begin the clock of a resumed run."""
        self._seen = images

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """One step on ``(images [N, 3, R, R], ids [N])`` with manual optimisation."""
        raise NotImplementedError(f"{type(self).__name__} has no training step.")

    def latents(self, z: Tensor) -> Tensor:
        """Style rows [N, L, W] of latents [N, Z], as the judged generator wants them."""
        raise NotImplementedError(f"{type(self).__name__} has no latents.")

    def render(self, ws: Tensor) -> Tensor:
        """Images [N, 3, R, R] in [-1, 1] of styles [N, L, W], with the weights to be judged."""
        raise NotImplementedError(f"{type(self).__name__} has no render.")

    def prepare(self, shots: Shots) -> None:
        """Look at all shots [K, 3, R, R] once, before the first step."""

    def judged(self) -> nn.Module:
        """The generator whose weights are the result of the run: here the trained one as it is."""
        return self.player(G)

    def export(self) -> dict[str, nn.Module]:
        """The networks that are written at the end, by name."""
        return {"g_ema": self.judged()}

    def sample(self, z: Tensor) -> Tensor:
        """Images [N, 3, R, R] of latents [N, Z]: a pure function of z, with constant noise."""
        return self.render(self.latents(z))

    def stylise(self, photos: Tensor) -> Tensor:
        """Photos [N, 3, R, R] in the new style; every method inverts with the same source."""
        return self.render(self.source.invert(photos))

    def noise(self, n: int) -> Tensor:
        """Latents [n, Z] from the run's own random stream."""
        z = torch.randn(n, self.source.g.z_dim, generator=self.rng, device=self.rng.device)
        return z.to(self.device)

    @contextmanager
    def turn(self, player: int) -> Iterator[None]:
        """One player's move: only its parameters want gradients; it steps at the end."""
        optimisers: Any = self.optimizers()
        optimiser = optimisers[player] if isinstance(optimisers, list) else optimisers
        self.toggle_optimizer(optimiser)
        optimiser.zero_grad(set_to_none=True)
        yield
        distributed.average(self.slopes(optimiser))
        self.feel(f"gradient of player {player}", optimiser)
        optimiser.step()
        self.untoggle_optimizer(optimiser)

    def feel(self, name: str, optimiser: Any) -> None:
        """Add the gradients' norm to this step's, on the device: it is finite only if they are."""
        norm = torch.nn.utils.get_total_norm(self.slopes(optimiser))
        self.gradients[name] = self.gradients.get(name, 0) + norm

    def slopes(self, optimiser: Any) -> list[Tensor]:
        """The gradients that a player's move has brought."""
        held = [p.grad for group in optimiser.param_groups for p in group["params"]]
        return [grad for grad in held if grad is not None]

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """A new step feels its own gradients."""
        self.gradients = {}

    def trainable_count(self) -> int:
        """How many numbers of the judged generator may move."""
        return sum(p.numel() for p in trainable(self.player(G)))

    def player(self, index: int) -> nn.Module:
        """The network that player ``index`` trains."""
        return self.g if index == G else self.d  # type: ignore[return-value]

    def readings(self) -> dict[str, Tensor]:
        """What the progress bar and the loggers show: the last losses and states, on the device."""
        return dict(self.losses)

    def progress(self) -> dict[str, float]:
        """The readings as numbers; waits for the device."""
        return {name: float(value) for name, value in self.readings().items()}

    def on_fit_start(self) -> None:
        """The source never moves."""
        self.source.eval().requires_grad_(False)

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs: networks without the source, optimisers, random stream."""
        module = {k: v for k, v in self.state_dict().items() if not k.startswith("source.")}
        return {
            "images_seen": self.images_seen,
            "module": module,
            "optimisers": [o.state_dict() for o in self.trainer.optimizers],
            "rng": self.rng.get_state(),
        }

    def recall(self, state: dict[str, Any]) -> None:
        """Take back the networks and the clock of what :meth:`state` gave."""
        source = {f"source.{k}": v for k, v in self.source.state_dict().items()}
        self.load_state_dict(state["module"] | source)
        self._seen = state["images_seen"]

    def restore(self, state: dict[str, Any]) -> None:
        """Take back all of it; the trainer holds the optimisers."""
        self.recall(state)
        for optimiser, saved in zip(self.trainer.optimizers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.rng.set_state(state["rng"])
