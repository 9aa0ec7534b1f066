"""What happens to pictures between a face and a network: framing, colour, blur, noise."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


@dataclass(frozen=True, kw_only=True)
class FaceAugmentation:
    """Random framing, colour, blur and noise, drawn anew for each picture of a batch."""

    shift: float  # at most, pixels
    zoom: float  # largest relative change of size
    gain: float  # standard deviation of the logarithm of each channel's gain
    bias: float  # standard deviation of each channel's offset, of a range of 2
    saturation: float  # largest relative change
    blur: float  # largest standard deviation, pixels
    noise: float  # largest standard deviation, of a range of 2

    def __call__(
        self, images: Tensor, landmarks: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Spoiled images [N, 3, R, R], their landmarks [N, K, 2] px, and blur and noise [N, 2].
        Blur and noise are given as shares of their largest values; half of the pictures have none.
        """
        n = len(images)

        def uniform(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator) * 2 - 1

        images, landmarks = self._frame(images, landmarks, uniform(n, 2), uniform(n, 1))
        images = self._colour(images, generator)
        amount = uniform(n, 2).clamp_(min=0)
        images = self._soften(images, amount[:, 0].view(-1, 1, 1, 1))
        grain = torch.randn(images.shape, generator=generator)
        images = images + amount[:, 1].view(-1, 1, 1, 1) * self.noise * grain
        return images.clamp(-1, 1), landmarks, amount

    def _frame(
        self, images: Tensor, landmarks: Tensor, shift: Tensor, zoom: Tensor
    ) -> tuple[Tensor, Tensor]:
        side = images.shape[-1]
        size, moved = 1 + self.zoom * zoom, self.shift * shift
        theta = torch.zeros(len(images), 2, 3)
        theta[:, 0, 0] = theta[:, 1, 1] = 1 / size[:, 0]
        theta[:, :, 2] = -moved / size * 2 / side
        grid = F.affine_grid(theta, list(images.shape), align_corners=False)
        warped = F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
        centre = side / 2
        return warped, (landmarks - centre) * size[:, None] + centre + moved[:, None]

    def _colour(self, images: Tensor, generator: torch.Generator) -> Tensor:
        n = len(images)
        normal = torch.randn(n, 6, 1, 1, generator=generator)
        saturation = 1 + self.saturation * (torch.rand(n, 1, 1, 1, generator=generator) * 2 - 1)
        grey = (images * torch.tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
        images = grey + (images - grey) * saturation
        return images * (self.gain * normal[:, :3]).exp() + self.bias * normal[:, 3:]

    def _soften(self, images: Tensor, amount: Tensor) -> Tensor:
        reach = max(int(3 * self.blur), 1)  # of a Gaussian, 3 deviations hold 99.7 %
        at = torch.arange(-reach, reach + 1, dtype=torch.float32)
        kernel = (-(at**2) / (2 * max(self.blur, 1e-3) ** 2)).exp()
        kernel = (kernel / kernel.sum()).repeat(3, 1)
        padded = F.pad(images, (reach,) * 4, mode="reflect")
        soft = F.conv2d(padded, kernel.view(3, 1, -1, 1), groups=3)
        soft = F.conv2d(soft, kernel.view(3, 1, 1, -1), groups=3)
        return torch.lerp(images, soft, amount)
