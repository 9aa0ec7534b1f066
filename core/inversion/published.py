"""Photos to style rows by published encoders: pSp (arXiv:2008.00951), e4e (arXiv:2102.02766) and
ReStyle (arXiv:2104.02699). They see pictures at 256 px and belong to one generator.
Departs from the published code in: pictures of generators below 256 px are enlarged smoothly.
"""

from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core import hashing
from core.adaptive_batches import side_by_side, within
from core.bounds import Count
from core.convert.encoder_file import EncoderFile
from core.errors import UserError
from core.networks.generator import Generator
from core.networks.perception import resized
from core.paths import placed

SEEN = 256  # side of what the encoders look at
COLOURS = 3


class PublishedEncoder:
    """pSp's or e4e's: rows at one look. The file is read when the first photo is inverted, but one
    that is missing or of another kind is refused at once.
    """

    channels = COLOURS  # of what the encoder sees

    def __init__(
        self,
        *,
        encoder: str | Path,  # a file as it was published
        format: Literal["psp", "e4e", "restyle_psp", "restyle_e4e"],
        batch_size: Count,
    ) -> None:
        self.file, self.batch_size = EncoderFile(placed(str(encoder)), format), batch_size
        self.networks: list[tuple[nn.Module, Tensor | None]] = []
        if (channels := self.file.config["input_channels"]) != self.channels:
            raise UserError(
                f"{self.file.path} sees pictures with {channels} channels, and source.invert="
                f"{format} reads encoders of {self.channels}."
            )

    @property
    def sha256(self) -> str:
        return hashing.of_file(self.file.path)

    def check(self, g: Generator) -> None:
        """Refuse a generator whose rows are not those that the encoder finds."""
        rows, width = self.file.config["rows"], self.file.config["w_dim"]
        if (rows, width) != (g.num_ws, g.w_dim):
            raise UserError(
                f"The encoder {self.file.path} finds {rows} rows of {width} numbers (those of a "
                f"generator of {2 ** (rows // 2 + 1)} px), and the source's generator of "
                f"{g.img_resolution} px has {g.num_ws} of {g.w_dim}."
            )

    @torch.no_grad()
    def __call__(self, g: Generator, photos: Tensor) -> Tensor:
        """Style rows [N, L, W] of photos [N, 3, R, R]."""
        self.check(g)
        if not self.networks:
            self.networks.append(self.file.read())
        encoder, average = self.networks[0]
        start = g.mapping.w_avg if average is None else average.to(g.mapping.w_avg)
        start = start.expand(1, g.num_ws, g.w_dim)
        encoder.to(photos)

        def work(some: Tensor) -> Tensor:
            return self.rows(g, encoder, start.expand(len(some), -1, -1), resized(some, SEEN))

        return side_by_side(work, within(self.batch_size, g.img_resolution, photos.device), photos)

    def rows(self, g: Generator, encoder: nn.Module, start: Tensor, photos: Tensor) -> Tensor:
        """Rows of photos [N, 3, 256, 256], found from ``start`` [N, L, W] on."""
        return start + encoder(photos)


class ReStyle(PublishedEncoder):
    """ReStyle's: it sees a photo beside what is shown of it so far, the average face first, and
    says what to add to the rows.
    """

    channels = 2 * COLOURS

    def __init__(
        self,
        *,
        encoder: str | Path,
        format: Literal["restyle_psp", "restyle_e4e"],
        batch_size: Count,
        passes: Count,  # of the encoder
    ) -> None:
        super().__init__(encoder=encoder, format=format, batch_size=batch_size)
        self.passes = passes

    def rows(self, g: Generator, encoder: nn.Module, start: Tensor, photos: Tensor) -> Tensor:
        ws = start
        for _ in range(self.passes):
            shown = pooled(g.synthesis(ws, noise_mode="const"))
            ws = ws + encoder(torch.cat([photos, shown], dim=1))
        return ws


def pooled(pictures: Tensor) -> Tensor:
    """Pictures [N, 3, R, R] as the encoders see them."""
    if pictures.shape[-1] < SEEN:
        return resized(pictures, SEEN)
    return F.adaptive_avg_pool2d(pictures, SEEN)
