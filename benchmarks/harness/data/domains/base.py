"""What every domain is: pictures to train on, pictures to judge with, things to tell the user."""

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Annotated, Any

import lightning as L
import numpy as np
import torch
from annotated_types import Ge, Le
from torch import Tensor

from benchmarks.harness.data.pictures import as_images, of_levels
from benchmarks.harness.data.sampler import Batches, Order
from core.bounds import Count, Natural, Seed
from core.errors import UserError

Landmarks = np.ndarray | tuple[()]
Pairs = tuple[np.ndarray, np.ndarray] | tuple[()]


class LazyShots:
    """Pixels uint8 [K, R, R, 3] as shots [K, 3, R, R], floats only where they are looked at."""

    def __init__(self, pixels: np.ndarray, device: torch.device) -> None:
        self.pixels, self.device = pixels, device

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, which: Any) -> Tensor:
        if isinstance(which, int):
            return self[[which]][0]
        rows = which.cpu().numpy() if isinstance(which, Tensor) else which
        return as_images(self.pixels[rows]).to(self.device)

    def __iter__(self) -> Iterator[Tensor]:
        for part in self.split(1):
            yield part[0]

    def split(self, size: int) -> Iterator[Tensor]:
        """Images [<= size, 3, R, R], one part after the other."""
        for start in range(0, len(self), size):
            yield self[start : start + size]


class Pictures:
    """Pixels uint8 [n, R, R, 3] that iterate as images float [N, 3, R, R] in batches.
    `len` counts pictures, so that an absent set is simply an empty one.
    """

    def __init__(self, pixels: np.ndarray, batch_size: int) -> None:
        self.pixels, self.batch_size = pixels, batch_size

    def __len__(self) -> int:
        return len(self.pixels)

    def __iter__(self) -> Iterator[Tensor]:
        return LazyShots(self.pixels, torch.device("cpu")).split(self.batch_size)


def power_of_two(name: str, value: int) -> int:
    """`value`, if it is a power of two from 8 to 1024."""
    if value & (value - 1) or not 8 <= value <= 1024:  # what StyleGAN2 can be built for
        raise UserError(f"{name}={value} is no power of two from 8 to 1024.")
    return value


class Domain(L.LightningDataModule):
    """K shots [K, 3, R, R], an order to show them in, and what is held out."""

    resolution: int  # R, that of all its pictures
    style: str = ""  # name of the ParaFaces domain, or empty where the truth is not known
    shots_sha256: str
    notes: list[str]  # sentences that the user should read
    facts: dict[str, str]  # what else of the data a number rests on, for the record
    progress: Callable[[int, int], None] = staticmethod(lambda done, total: None)
    """Called with the pictures that are prepared and those in all."""

    def __init__(
        self,
        *,
        resolution: Annotated[int, Ge(8), Le(1024)],
        images: Natural,
        batch_size: Count,
        seed: Seed,
        xflip: bool,
    ) -> None:
        super().__init__()
        if 0 < images < batch_size:
            raise UserError(f"method.images={images} is fewer than one batch of {batch_size}.")
        self.resolution = power_of_two("data.resolution", resolution)
        self.images, self.batch_size, self.seed, self.xflip = images, batch_size, seed, xflip
        self.notes, self.facts = [], {}
        self._position = 0

    def training(self) -> np.ndarray:
        """Pixels uint8 [M, R, R, 3] to train on: the shots, if a domain has no more than them."""
        raise NotImplementedError(f"{type(self).__name__} has nothing to train on.")

    def exemplary(self) -> np.ndarray:
        """Pixels uint8 [K, R, R, 3] of the shots."""
        return self.training()

    @cached_property
    def shots(self) -> Tensor:
        """The shots [K, 3, R, R] in [-1, 1], for who wants to see all of them."""
        return as_images(self.exemplary())

    def streamed(self, device: torch.device) -> LazyShots:
        """The shots as a method is given them."""
        return LazyShots(self.exemplary(), device)

    def normals(self, ids: Tensor) -> Tensor:
        """Standard normals [N, P] of which the training pictures ids [N] were made, if known."""
        raise UserError(f"Nobody knows of which numbers the {len(ids)} pictures were made.")

    @property
    def has_reference(self) -> bool:
        """Whether there are held-out pictures of the domain to compare with."""
        return len(self.reference()) > 0

    def reference(self) -> Pictures:
        """Held-out pictures of the domain, or none."""
        return self._none()

    def photos(self) -> Pictures:
        """Held-out pictures of the source's domain, or none."""
        return self._none()

    def translations(self) -> Pictures:
        """How the people of `photos` truly look in this domain, or none where nobody knows."""
        return self._none()

    def translation_landmarks(self) -> Landmarks:
        """Where the landmarks of `translations` are, in pixels [n, K, 2], or () if not known."""
        return ()

    def photographed(self) -> np.ndarray:
        """Parameters [n, P] of the people of `photos`, by which `drawn` draws them; or none."""
        return np.empty((0, 0), np.float32)

    def drawn(self, people: np.ndarray) -> Any:
        """True pictures of people [n, P] in this domain, with their regions."""
        raise UserError(f"Nobody knows how the {len(people)} people truly look in this domain.")

    def landmark_pairs(self) -> Pairs:
        """Exact landmarks (photo, target), in pixels [n, K, 2] each, of other people, or ()."""
        return ()

    def set_position(self, images_seen: int) -> None:
        """Begin the run after this many pictures."""
        self._position, rest = divmod(images_seen, self.batch_size)
        if rest:
            raise ValueError(f"{images_seen} images are no whole batches of {self.batch_size}.")

    def train_dataloader(self) -> Batches:
        """The run's batches (pixels uint8 [N, R, R, 3], ids [N]), from its position on."""
        pixels, trainer = self.training(), self.trainer
        strategy: Any = trainer.strategy if trainer else None
        return Batches(
            pixels,
            Order(size=len(pixels), seed=self.seed, xflip=self.xflip),
            images=self.images,
            batch_size=self.batch_size,
            start=self._position,
            rank=trainer.global_rank if trainer else 0,
            world=trainer.world_size if trainer else 1,
            pinned=bool(strategy) and strategy.root_device.type == "cuda",
        )

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> tuple[Tensor, Tensor]:
        """A batch as methods are given it, (images [N, 3, R, R], ids [N]), made on their device."""
        pixels, ids = batch
        return of_levels(pixels), ids

    def _shown(self, pixels: np.ndarray) -> Pictures:
        return Pictures(pixels, self.batch_size or 1)

    def _none(self) -> Pictures:
        return self._shown(np.empty((0, self.resolution, self.resolution, 3), dtype=np.uint8))
