"""The generator of StyleGAN2 (arXiv:1912.04958), "skip" architecture: latents z [N, Z] to styles ws
[N, L, W] to images. A row of ws steers one layer: b4.conv1, then (conv0, conv1) of each block, the
last one the last torgb; the torgb of a block shares its row with the next block's conv0. Parameter
names are NVIDIA's.
Departs from the paper in: the average style is updated when ``mapping.track`` is called, not by the
forward pass; no labels.
"""

import copy
import math
from collections.abc import Callable
from collections.abc import Mapping as MappingABC
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from core import distributed, draws
from core.networks.layers import (
    TAPS,
    Linear,
    SynthesisLayer,
    ToRGB,
    entered,
    full_precision,
    normalise,
)
from core.networks.registry import network
from core.ops import setup_filter, upsample2d

LR_MULTIPLIER = 0.01  # of the mapping network, which is unstable at the full rate (1812.04948)
W_AVG_DECAY = 0.995  # a step; of the published code
NOISE_MODES = ("const", "random", "none")


class Trace(NamedTuple):
    """An image [N, 3, R, R] with what led to it, by resolution."""

    image: Tensor
    rgb: dict[int, Tensor]  # accumulated colours [N, 3, r, r]
    features: dict[int, Tensor]  # block outputs [N, C, r, r]


def channel_table(img_resolution: int, channel_base: int, channel_max: int) -> dict[int, int]:
    """Channels by resolution, min(base / r, max): base 32768, max 512 is config-f."""
    return {r: min(channel_base // r, channel_max) for r in resolutions(img_resolution)}


def resolutions(img_resolution: int) -> list[int]:
    """4, 8, ... up to ``img_resolution``, a power of two from 8 to 1024."""
    log = int(math.log2(img_resolution)) if img_resolution > 0 else 0
    if 2**log != img_resolution or not 8 <= img_resolution <= 1024:
        raise ValueError(f"img_resolution must be a power of two, 8 to 1024, got {img_resolution}")
    return [2**i for i in range(2, log + 1)]


def checked_channels(img_resolution: int, channels: MappingABC[Any, int]) -> dict[int, int]:
    """The channel table with integer keys, complete for the resolution."""
    table = {int(r): int(c) for r, c in channels.items()}
    wanted = resolutions(img_resolution)
    if set(table) != set(wanted) or min(table.values()) < 1:
        raise ValueError(f"channels must give a positive number for each of {wanted}, got {table}")
    return table


class Mapping(nn.Module):
    """Latents to styles: equalised layers with a hundredth of the learning rate."""

    w_avg: Tensor

    def __init__(self, *, z_dim: int, w_dim: int, num_ws: int, layers: int) -> None:
        super().__init__()
        self.z_dim, self.w_dim, self.num_ws, self.num_layers = z_dim, w_dim, num_ws, layers
        for i in range(layers):
            width = z_dim if i == 0 else w_dim
            layer = Linear(width, w_dim, activated=True, lr_multiplier=LR_MULTIPLIER)
            setattr(self, f"fc{i}", layer)
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(
        self, z: Tensor, truncation_psi: float = 1.0, truncation_cutoff: int | None = None
    ) -> Tensor:
        """Styles [N, L, W] of z [N, Z]; the first ``truncation_cutoff`` rows, or all, truncated."""
        ws = self.style(z)[:, None, :].expand(-1, self.num_ws, -1)
        if truncation_psi == 1:
            return ws.clone(memory_format=torch.contiguous_format)
        rows = self.num_ws if truncation_cutoff is None else truncation_cutoff
        truncated = torch.lerp(self.w_avg.to(ws.dtype), ws[:, :rows], truncation_psi)
        return torch.cat([truncated, ws[:, rows:]], dim=1)

    def style(self, z: Tensor) -> Tensor:
        """One style [N, W] for each z [N, Z]."""
        if z.ndim != 2 or z.shape[1] != self.z_dim:
            raise ValueError(f"latents must be [N, {self.z_dim}], got {tuple(z.shape)}")
        w = normalise(z.to(self.w_avg.dtype))
        for i in range(self.num_layers):
            w = getattr(self, f"fc{i}")(w)
        return w

    @torch.no_grad()
    def track(self, w: Tensor) -> None:
        """Moves the average style towards the mean of w [N, W] or [N, L, W]."""
        mean = w.detach().reshape(-1, self.w_dim).mean(dim=0).to(self.w_avg.dtype)
        self.w_avg.copy_(distributed.all_reduce_mean(mean).lerp(self.w_avg, W_AVG_DECAY))


class SynthesisBlock(nn.Module):
    """The layers of one resolution: conv0 (not at 4 px), conv1 and torgb."""

    in_half = False  # computes in float16, see `core.networks.half_precision`

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        resolution: int,
        colours: int,
        layer: type[SynthesisLayer],
        **same: Any,
    ) -> None:
        super().__init__()
        if resolution == 4:
            self.const = nn.Parameter(torch.randn(out_channels, 4, 4))
        else:
            self.conv0 = layer(in_channels, out_channels, resolution=resolution, up=True, **same)
        self.conv1 = layer(out_channels, out_channels, resolution=resolution, **same)
        self.torgb = ToRGB(out_channels, colours, **same)


class Synthesis(nn.Module):
    """Styles to images."""

    b4: SynthesisBlock
    taps: Tensor

    def __init__(
        self,
        *,
        w_dim: int,
        img_resolution: int,
        img_channels: int,
        channels: dict[int, int],
        conv_clamp: float | None,
        layer: type[SynthesisLayer],
    ) -> None:
        super().__init__()
        self.w_dim = w_dim
        self.resolutions = resolutions(img_resolution)
        self.num_ws = 2 * len(self.resolutions)
        same: dict[str, Any] = {"w_dim": w_dim, "conv_clamp": conv_clamp}
        for r in self.resolutions:
            widths = channels[max(r // 2, 4)], channels[r]
            block = SynthesisBlock(*widths, resolution=r, colours=img_channels, layer=layer, **same)
            setattr(self, f"b{r}", block)
        self.register_buffer("taps", setup_filter(TAPS), persistent=False)

    def forward(
        self, ws: Tensor, noise_mode: str = "const", generator: torch.Generator | None = None
    ) -> Tensor:
        """Images [N, 3, R, R], nominally in [-1, 1], of styles [N, L, W]."""
        return self.trace(ws, noise_mode, generator=generator).image

    def trace(
        self,
        ws: Tensor,
        noise_mode: str = "const",
        noise: MappingABC[str, Tensor] | None = None,
        generator: torch.Generator | None = None,
        *,
        replaced: MappingABC[int, Tensor] | None = None,
        until: int | None = None,
        after: Callable[[int, Tensor], Tensor] | None = None,
    ) -> Trace:
        """Image, accumulated colours and features of styles [N, L, W]. ``noise_mode`` is ``const``,
        ``random`` (of ``generator``) or ``none``, but layers of ``noise_names`` take the maps [1 or
        N, 1, r, r] that ``noise`` has for them. ``replaced`` features [N, C, r, r] stand for those
        of the block of resolution r, not for the colours from below. Nothing is computed above
        ``until``. ``after`` says, of a row and the features of the convolution that it steers, what
        becomes of them.
        """
        noise = noise or {}
        self._check(ws, noise_mode, noise)
        rgb: dict[int, Tensor] = {}
        features: dict[int, Tensor] = {}
        x = self.b4.const[None].to(ws.dtype).expand(ws.shape[0], -1, -1, -1)
        x = x.contiguous(memory_format=torch.channels_last)  # quicker convolutions
        row = 0
        for r in self.resolutions:
            block = getattr(self, f"b{r}")
            x = entered(x, block.in_half, block.conv1.weight)
            for name in ("conv0", "conv1") if r > 4 else ("conv1",):
                layer = getattr(block, name)
                own = noise.get(f"b{r}.{name}", noise_mode)
                x = layer(x, ws[:, row], _noise(own, layer.noise_const, ws.shape[0], generator))
                x = after(row, x) if after else x
                row += 1
            features[r] = x = (replaced or {}).get(r, x)
            rgb[r] = block.torgb(x, ws[:, row])
            if r > 4:
                with full_precision(x):  # the sum of all resolutions' colours
                    below = upsample2d(rgb[r // 2], self.taps)
                rgb[r] = below + rgb[r]
            if r == until:
                break
        return Trace(rgb[r], rgb, features)

    @property
    def noise_names(self) -> list[str]:
        """The layers that take noise, in order: b4.conv1, b8.conv0, b8.conv1, ..."""
        return [f"b{r}.conv{k}" for r in self.resolutions for k in (0, 1)][1:]

    def _check(self, ws: Tensor, noise_mode: str, noise: MappingABC[str, Tensor]) -> None:
        if ws.ndim != 3 or ws.shape[1:] != (self.num_ws, self.w_dim):
            wanted = f"[N, {self.num_ws}, {self.w_dim}]"
            raise ValueError(f"styles must be {wanted}, got {tuple(ws.shape)}")
        if noise_mode not in NOISE_MODES:
            raise ValueError(f"noise_mode must be one of {NOISE_MODES}, got {noise_mode!r}")
        unknown = sorted(set(noise) - set(self.noise_names))
        if unknown:
            raise ValueError(f"no layer takes noise under the names {unknown}")


def _noise(
    own: Tensor | str, const: Tensor, n: int, generator: torch.Generator | None
) -> Tensor | None:
    if isinstance(own, Tensor):
        return own.to(const)
    if own != "random":
        return const[None, None] if own == "const" else None
    return draws.randn((n, 1, *const.shape), generator, const.device, const.dtype)


@network
class Generator(nn.Module):
    """Mapping and synthesis; ``Generator(**g.config)`` has the same architecture as g."""

    config: dict[str, Any]
    layer = SynthesisLayer  # of its convolutions

    def __init__(
        self,
        *,
        z_dim: int,
        w_dim: int,
        img_resolution: int,
        img_channels: int = 3,
        channels: MappingABC[Any, int],
        mapping_layers: int,
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.z_dim, self.w_dim = z_dim, w_dim
        self.img_resolution, self.img_channels = img_resolution, img_channels
        table = checked_channels(img_resolution, channels)
        pictures = {"img_resolution": img_resolution, "img_channels": img_channels}
        shape: dict[str, Any] = {"w_dim": w_dim, **pictures, "channels": table}
        self.synthesis = Synthesis(**shape, conv_clamp=conv_clamp, layer=self.layer)
        self.num_ws = self.synthesis.num_ws
        self.mapping = Mapping(z_dim=z_dim, w_dim=w_dim, num_ws=self.num_ws, layers=mapping_layers)
        layers = {"mapping_layers": mapping_layers, "conv_clamp": conv_clamp}
        self.config = {"z_dim": z_dim, **shape, **layers}

    def forward(
        self,
        z: Tensor,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
        noise_mode: str = "const",
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Images [N, 3, R, R] of latents z [N, Z]."""
        ws = self.mapping(z, truncation_psi, truncation_cutoff)
        return self.synthesis(ws, noise_mode, generator)


def rows_mapped(g: Generator, codes: Tensor) -> Tensor:
    """Styles [N, L, W] of codes [N, L, Z]."""
    return g.mapping.style(codes.flatten(0, 1)).unflatten(0, codes.shape[:2])


@torch.no_grad()
def scale_w(g: Generator, factor: float) -> Generator:
    """A copy that shows at styles w what ``g`` shows at ``average + factor (w - average)``:
    regression shrinks what it cannot tell. Folded into the affine layers, so that mapping network
    and truncation stay.
    """
    wide = copy.deepcopy(g)
    for name, layer in wide.synthesis.named_modules():
        if name.endswith("affine"):
            constant = (1 - factor) * layer.weight_gain / layer.bias_gain
            layer.bias += constant * (layer.weight @ g.mapping.w_avg)
            layer.weight *= factor
    return wide
