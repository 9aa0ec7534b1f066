"""Pivotal tuning (arXiv:2106.05744): the generator itself is trained until it shows a photo at the
rows that an inverter has found, so that nothing of the face is lost. What was learnt is the
difference of weights, which can be added to another generator that was trained from the same one.
Departs from the paper in: no regularisation of what lies near the rows, which the released code
leaves out as well; a given number of steps.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from core.bounds import Natural, Weight
from core.freeze import freeze, trainable
from core.networks.generator import Generator
from core.types import GuideNetwork


@dataclass(kw_only=True)
class PivotalTuning:
    """Trains the synthesis network on one photo, by ``near`` times the perceptual distance plus
    ``pixel`` times the mean squared error.
    """

    perceptual: GuideNetwork
    steps: Natural  # of Adam
    lr: Weight
    near: Weight
    pixel: Weight

    @torch.enable_grad()
    def __call__(self, g: Generator, photo: Tensor, ws: Tensor) -> Generator:
        """A copy of g that shows ws [1, L, W] as the photo [1, 3, R, R]."""
        tuned = freeze(copy.deepcopy(g).requires_grad_(True), ["mapping.*"])
        adam = torch.optim.Adam(trainable(tuned), lr=self.lr)
        with torch.no_grad():
            target = self.perceptual.embed(photo)
        for _ in range(self.steps):
            shown = tuned.synthesis(ws)
            near = (self.perceptual.embed(shown) - target).square().sum()
            cost = self.near * near + self.pixel * (shown - photo).square().mean()
            adam.zero_grad()
            cost.backward()
            adam.step()
        return tuned.requires_grad_(False)


@contextmanager
@torch.no_grad()
def moved(g: Generator, start: Generator, end: Generator) -> Iterator[None]:
    """Let g, which was trained from ``start``, differ from it by what ``end`` does as well."""
    parameters: dict[str, Tensor] = dict(g.synthesis.named_parameters())
    kept = {name: value.detach().clone() for name, value in parameters.items()}
    ends = dict(end.synthesis.named_parameters())
    for name, value in start.synthesis.named_parameters():
        parameters[name] += ends[name] - value
    try:
        yield
    finally:
        for name, before in kept.items():
            parameters[name].copy_(before)
