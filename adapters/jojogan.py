"""JoJoGAN: a style from one picture, by making many pairs of it.
The picture is inverted; its code with random rows for whatever the style may change stands for many
faces, all of which the generator learns to show as that one picture.
Paper: "JoJoGAN: One shot face stylization" (Chong and Forsyth, ECCV 2022, arXiv:2112.11641).
Departs from the paper in: rows of styles are exchanged, as in the public code, not single style
vectors after their affine layers.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Optimizer

from adapters.base import Adapter, G, Terms
from core.adaptive_batches import within
from core.bounds import Natural, Share, Weight
from core.draws import sent
from core.errors import UserError
from core.freeze import freeze, trainable
from core.networks.discriminator import Discriminator
from core.networks.generator import Generator
from core.source import Source
from core.types import GuideNetwork, Shots


@dataclass(kw_only=True)
class StyleRows:
    """All rows from ``row`` on: what they steer is imposed on every face, colours too.
    Row 7 is the first that enters 64 px; at 18 rows (1024 px) and 14 (256 px) the public code
    exchanges rows 7 and on.
    """

    row: Natural

    def of(self, count: int) -> list[int]:
        return list(range(self.row, count))


@dataclass(kw_only=True)
class ColourPreservingRows(StyleRows):
    """Few of those rows, so that a face keeps most of its own colours.
    The public code names rows 9, 11, 15, 16 and 17 of 18, where :class:`StyleRows` begins at 7. For
    any number of rows: the second and the fourth row after the first one, and the last three; of
    these what lies at least two after the first. That gives 9, 11, 12 and 13 of 14.
    """

    def of(self, count: int) -> list[int]:
        wanted = {self.row + 2, self.row + 4, *range(count - 3, count)}  # 9, 11, 15 to 17 of 18
        return sorted(r for r in wanted if self.row + 2 <= r < count)


def mix_codes(codes: Tensor, w: Tensor, rows: Sequence[int], alpha: float) -> Tensor:
    """Codes [N, L, W] with random styles w [N, W] in some rows: alpha 1 imposes all of them."""
    chosen = sent(torch.tensor([row in rows for row in range(codes.shape[1])]), codes.device)
    return torch.where(chosen[:, None], (1 - alpha) * codes + alpha * w[:, None], codes)


def sides_of(resolution: int, halvings: Sequence[int]) -> list[int]:
    """Sides of the compared features: the picture's after so many halvings, at least 4."""
    sides = [resolution >> h for h in halvings if h > 0 and resolution >> h >= 4]
    if not sides:
        raise UserError(f"method.halvings={list(halvings)} leaves nothing of {resolution} px.")
    return sides


def discriminator_features(d: Discriminator, images: Tensor, sides: list[int]) -> dict[int, Tensor]:
    """Features [N, C, r, r] that enter the blocks of d from images [N, 3, R, R], by side r."""
    features: dict[int, Tensor] = {}
    for r, x in d.block_inputs(images):
        if r in sides:
            features[r] = x
        if len(features) == len(set(sides)):
            break  # the blocks below would be computed for nothing
    return features


def feature_l1(ours: Mapping[int, Tensor], theirs: Mapping[int, Tensor]) -> Tensor:
    """Mean absolute difference of features, averaged over their sides."""
    return torch.stack([F.l1_loss(ours[r], theirs[r]) for r in ours]).mean()


class NoIdentityTerm:
    """No loss of identity."""

    def __call__(self, pictures: Tensor, faces: Callable[[], Tensor]) -> Tensor:
        return pictures.new_zeros(())


@dataclass(kw_only=True)
class IdentityTerm:
    """One minus the cosine of a face's identity before and after."""

    weight: Weight
    network: GuideNetwork

    def __call__(self, pictures: Tensor, faces: Callable[[], Tensor]) -> Tensor:
        """Scalar of pictures [N, 3, R, R] and of what the source shows of the same codes."""
        with torch.no_grad():
            known = self.network.identity(faces())
        return self.weight * (1 - (self.network.identity(pictures) * known).sum(1)).mean()


class JoJoGAN(Adapter):
    """Fine-tuning of the synthesis network on pairs of a mixed code and the reference picture."""

    paper = "arXiv:2112.11641"
    inverts_shots = True
    g: Generator
    codes: Tensor

    def __init__(
        self,
        source: Source,
        *,
        lr: Weight,
        optimizer: Callable[..., Optimizer],
        alpha: Share,  # strength of the style, see `mix_codes`
        rows: StyleRows,  # which rows are exchanged
        halvings: Sequence[Natural],  # features are compared at a picture's side after so many
        identity: IdentityTerm | NoIdentityTerm,  # what is lost of who is shown
        **run: int,
    ) -> None:
        super().__init__(source, **run)
        if not 0 <= alpha <= 1:
            raise UserError(f"method.alpha={alpha} must lie between 0 and 1.")
        # Codes are rows of styles, so no gradient ever comes to the mapping network.
        self.g = freeze(copy.deepcopy(source.g).train().requires_grad_(True), ["mapping.*"])
        self.lr, self.optimizer, self.alpha = lr, optimizer, alpha
        self.rows = rows.of(self.g.num_ws)
        if not self.rows:
            raise UserError(
                f"method.rows.row={rows.row} leaves no row of {self.g.num_ws} to exchange."
            )
        self.sides = sides_of(source.resolution, halvings)
        self.identity = identity
        # Found again by ``prepare`` when a run is resumed, so they need no place in a checkpoint.
        self.register_buffer("codes", torch.zeros(0), persistent=False)
        for side in self.sides:
            self.register_buffer(f"features{side}", torch.zeros(0), persistent=False)

    def prepare(self, shots: Shots) -> None:
        references = shots[:]
        n = within(len(references), self.source.resolution, references.device)
        with torch.no_grad():  # first, for a source may have no discriminator
            known = [
                discriminator_features(self.source.d, part, self.sides)
                for part in references.split(n)
            ]
        self.codes = self.source.invert(references).detach()
        for side in self.sides:
            setattr(self, f"features{side}", torch.cat([part[side] for part in known]))

    def configure_optimizers(self) -> list[Optimizer]:
        return [self.optimizer(trainable(self.g), lr=self.lr)]

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        _, ids = batch
        parts = ids.split(within(len(ids), self.source.resolution, ids.device))
        self.terms = self.minimise(G, (self.losses(part, len(part) / len(ids)) for part in parts))
        self.images_seen += len(ids)

    def losses(self, ids: Tensor, share: float) -> Terms:
        """Style and identity of faces in the styles of references ids [N], a share of a step's."""
        with torch.no_grad():
            w = self.source.g.mapping.style(self.noise(len(ids)))
        ws = mix_codes(self.codes[ids], w, self.rows, self.alpha)
        start = self.rng.get_state()
        pictures = self.synthesise(self.g, ws)
        after = self.rng.get_state()
        target = {side: getattr(self, f"features{side}")[ids] for side in self.sides}
        style = feature_l1(discriminator_features(self.source.d, pictures, self.sides), target)

        def faces() -> Tensor:
            self.rng.set_state(start)  # the same noise maps in both pictures
            return self.synthesise(self.source.g, ws)

        identity = self.identity(pictures, faces)
        self.rng.set_state(after)
        return {"style": style * share, "identity": identity * share}

    def synthesise(self, g: Generator, ws: Tensor) -> Tensor:
        """Pictures [N, 3, R, R] of styles [N, L, W] with random noise maps."""
        return g.synthesis(ws, noise_mode="random", generator=self.rng)

    def latents(self, z: Tensor) -> Tensor:
        return self.g.mapping(z)

    def render(self, ws: Tensor) -> Tensor:
        return self.g.synthesis(ws, noise_mode="const")
