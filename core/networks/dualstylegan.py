"""DualStyleGAN: a StyleGAN2 with a second, extrinsic style path (arXiv:2203.13248). The generator
itself stays as it is. At the coarse rows of the styles its features are moved by residual blocks
that look at the extrinsic code (structure); at the fine rows its own styles are exchanged for
transformed extrinsic ones (colour). Every row has a weight: 0 is the plain StyleGAN2, bit for bit,
1 what is trained. Rows 0 to ``res_index`` are structure, at every size. A row of colours that a
structure block shares with the next one (1, 3, 5) stays intrinsic.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.networks.generator import LR_MULTIPLIER, Generator, Trace, rows_mapped
from core.networks.layers import Conv, Linear, normalise
from core.networks.registry import network

EPS = 1e-5  # torch's for instance normalisation, which the published code leaves as it is
SMALL = 0.01  # of fresh residual convolutions, and of what is off the diagonal of fresh colours
LAYERS = 2  # of the structure transform, as published

Weights = Sequence[float] | Tensor


class AdaIN(nn.Module):
    """Instance normalisation whose scale and shift a style gives (arXiv:1703.06868)."""

    def __init__(self, channels: int, *, w_dim: int) -> None:
        super().__init__()
        self.style = nn.Linear(w_dim, 2 * channels)
        with torch.no_grad():
            self.style.bias.copy_(torch.tensor([1.0, 0.0]).repeat_interleave(channels))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Features [N, C, r, r] under styles [N, W]."""
        scale, shift = self.style(style)[:, :, None, None].chunk(2, dim=1)
        return scale * F.instance_norm(x, eps=EPS) + shift


class ModRes(nn.Module):
    """Modulative residual block: what is added to the features of one layer."""

    def __init__(self, channels: int, *, w_dim: int) -> None:
        super().__init__()
        self.norm, self.norm2 = AdaIN(channels, w_dim=w_dim), AdaIN(channels, w_dim=w_dim)
        self.conv = Conv(channels, channels, kernel=3)
        self.conv2 = Conv(channels, channels, kernel=3)
        with torch.no_grad():
            # The second normalisation undoes the first factor, so the residual is about 1 %.
            for conv in (self.conv, self.conv2):
                conv.weight.mul_(SMALL)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """The residual [N, C, r, r] of features [N, C, r, r] under styles [N, W]."""
        return self.conv2(self.norm2(self.conv(self.norm(x, style)), style))


class StructureTransform(nn.Module):
    """T_s: extrinsic rows to what the residual blocks look at; one for all rows."""

    def __init__(self, w_dim: int) -> None:
        super().__init__()
        how: dict[str, Any] = {"activated": True, "lr_multiplier": LR_MULTIPLIER}
        self.layers = nn.ModuleList(Linear(w_dim, w_dim, **how) for _ in range(LAYERS))

    def forward(self, rows: Tensor) -> Tensor:
        """Styles [N, L, W] of rows [N, L, W], each on its own."""
        flat = normalise(rows.flatten(0, 1))
        for layer in self.layers:
            flat = layer(flat)
        return flat.unflatten(0, rows.shape[:2])


def colour_transform(w_dim: int) -> Linear:
    """T_c: the identity but for a little noise."""
    layer = Linear(w_dim, w_dim)
    with torch.no_grad():  # the layer divides by the root of its width when it is used
        layer.weight.mul_(SMALL).add_(math.sqrt(w_dim) * torch.eye(w_dim))
    return layer


@network
class DualStyleGAN(nn.Module):
    """A generator and its extrinsic path; ``DualStyleGAN(**g.config)`` has the same architecture.
    ``res_index``, the last structure row (6 in the paper), is rounded down to an even number and
    leaves one colour row.
    """

    config: dict[str, Any]
    generator: Generator

    def __init__(self, *, res_index: int, **generator: Any) -> None:
        super().__init__()
        self.generator = Generator(**generator)
        config = self.generator.config
        self.z_dim, self.w_dim = self.generator.z_dim, self.generator.w_dim
        self.img_resolution, self.num_ws = self.generator.img_resolution, self.generator.num_ws
        self.structure_rows = min(2 * (res_index // 2) + 1, self.num_ws - 1)
        self.config = {**config, "res_index": self.structure_rows - 1}
        sides = [side for side in self.generator.synthesis.resolutions for _ in range(2)][1:]
        widths = [config["channels"][side] for side in sides[: self.structure_rows]]
        self.residuals = nn.ModuleList(ModRes(width, w_dim=self.w_dim) for width in widths)
        colours = range(self.structure_rows, self.num_ws)
        self.colours = nn.ModuleList(colour_transform(self.w_dim) for _ in colours)
        self.structure = StructureTransform(self.w_dim)

    @classmethod
    def of(cls, g: Generator, *, res_index: int) -> DualStyleGAN:
        """A fresh extrinsic path around a copy of ``g``."""
        dual = cls(res_index=res_index, **g.config)
        dual.generator.load_state_dict(g.state_dict())
        return dual

    @classmethod
    def untrained(cls, g: Generator, *, res_index: int) -> DualStyleGAN:
        """Stage I: a path that exchanges colours, leaves structure alone, alone trains, and is
        always the same, so that what it learns first can be shared.
        """
        with torch.random.fork_rng():
            torch.manual_seed(0)  # whatever the seed of the run
            dual = cls.of(g, res_index=res_index).train()
        dual.requires_grad_(False)
        for part in (dual.residuals, dual.colours, dual.structure):
            part.requires_grad_(True)
        return dual

    def extrinsic(self) -> list[nn.Parameter]:
        """What DualStyleGAN trains: all but the generator."""
        parts = (self.residuals, self.colours, self.structure)
        return [p for part in parts for p in part.parameters()]

    def mapping(
        self, z: Tensor, truncation_psi: float = 1.0, towards: Tensor | float = 0.0
    ) -> Tensor:
        """Styles [N, L, W] of latents z [N, Z] or rows [N, L, Z]; truncated ones are ``psi`` times
        as far from ``towards`` (zero, as published, or [W]).
        """
        if z.ndim == 3:
            ws = rows_mapped(self.generator, z)
        else:
            ws = self.generator.mapping.style(z)[:, None].repeat(1, self.num_ws, 1)
        return ws if truncation_psi == 1 else towards + truncation_psi * (ws - towards)

    def synthesis(
        self,
        ws: Tensor,
        ex_ws: Tensor | None = None,
        weights: Weights | None = None,
        noise_mode: str = "const",
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Images [N, 3, R, R] of intrinsic styles [N, L, W] and extrinsic ones; see `trace`."""
        return self.trace(ws, ex_ws, weights, noise_mode, generator=generator).image

    def trace(
        self,
        ws: Tensor,
        ex_ws: Tensor | None = None,
        weights: Weights | None = None,
        noise_mode: str = "const",
        noise: Mapping[str, Tensor] | None = None,
        generator: torch.Generator | None = None,
        *,
        until: int | None = None,
    ) -> Trace:
        """Image with what led to it, of intrinsic styles [N, L, W] and extrinsic ones, [N, L, W] or
        [N, W] for all rows, with one weight a row; None is the plain StyleGAN2. The rest is as in
        `Synthesis.trace`.
        """
        how: dict[str, Any] = {"noise": noise, "generator": generator, "until": until}
        if weights is None or ex_ws is None:
            if weights is not None:
                raise ValueError("weights need extrinsic styles")
            return self.generator.synthesis.trace(ws, noise_mode, **how)
        listed = weights.tolist() if isinstance(weights, Tensor) else [float(w) for w in weights]
        if len(listed) != self.num_ws:
            raise ValueError(f"weights must be {self.num_ws} numbers, one a row, not {len(listed)}")
        ex_ws = self._rows(ex_ws, ws.shape[0])
        styles = self.structure(ex_ws[:, : self.structure_rows])

        def moved(row: int, x: Tensor) -> Tensor:
            if row >= self.structure_rows or not listed[row]:
                return x
            return x + listed[row] * self.residuals[row](x, styles[:, row])

        mixed = self.coloured(ws, ex_ws, listed)
        return self.generator.synthesis.trace(mixed, noise_mode, **how, after=moved)

    def coloured(self, ws: Tensor, ex_ws: Tensor, weights: Sequence[float]) -> Tensor:
        """Intrinsic styles [N, L, W], mixed with transformed extrinsic ones in the colour rows."""
        mixed = [row for row in range(self.structure_rows, self.num_ws) if weights[row]]
        if not mixed:
            return ws
        rows = list(ws.unbind(1))
        for row in mixed:
            colour = self.colours[row - self.structure_rows](ex_ws[:, row])
            rows[row] = weights[row] * colour + (1 - weights[row]) * rows[row]
        return torch.stack(rows, dim=1)

    def weights(self, structure: float, colour: float) -> list[float]:
        """One weight for all structure rows, another for all colour rows."""
        return [structure] * self.structure_rows + [colour] * (self.num_ws - self.structure_rows)

    def _rows(self, ex_ws: Tensor, n: int) -> Tensor:
        rows = ex_ws[:, None].expand(-1, self.num_ws, -1) if ex_ws.ndim == 2 else ex_ws
        shape = [n, self.num_ws, self.w_dim]
        if list(rows.shape[1:]) != shape[1:] or rows.shape[0] not in (1, n):
            raise ValueError(f"extrinsic styles must be {shape}, got {tuple(ex_ws.shape)}")
        return rows.expand(n, -1, -1)
