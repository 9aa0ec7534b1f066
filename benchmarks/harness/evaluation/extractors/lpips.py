"""LPIPS 0.1 (arXiv:1801.03924) by the authors' package, with its classifier from the list of files.

The package holds the learnt heads; torchvision's classifier, which it would download, is read from
the list of optional files instead.
"""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path
from typing import Any, cast

import torch
from PIL import Image
from torch import Tensor, nn

from benchmarks.harness.evaluation.extractors import resize
from benchmarks.harness.evaluation.extractors.published import Published, read
from benchmarks.harness.io.contact_sheet import to_uint8
from core.errors import UserError

NETS = ("vgg", "alex", "squeeze")
EPS = 1e-10  # the package's


class LPIPS(Published):
    """``maps``: vectors whose squared distances are the LPIPS of two pictures.

    Args:
        net: ``vgg`` (intra-cluster LPIPS as papers print it), ``alex`` or ``squeeze``.
        side: pictures are brought to this side first, bilinearly on bytes; 0 leaves them.
    """

    def __init__(self, *, net: str, side: int) -> None:
        if net not in NETS:
            raise UserError(f"LPIPS has the networks {', '.join(NETS)}, not {net!r}.")
        super().__init__(weights=f"lpips-{net}")
        self.side = side
        self.name = f"lpips-{net}:{side or 'as it is'}"
        self.network = self.shared(f"lpips-{net}", partial(package, net=net))

    def prepare(self, images: Tensor) -> Tensor:
        """Pictures [N, 3, S, S] in [-1, 1]."""
        if self.side in (0, images.shape[-1]):
            return images
        bilinear = Image.Resampling.BILINEAR
        rows = [resize.pillow(pixels, self.side, bilinear) for pixels in to_uint8(images)]
        return resize.each(images, rows) / 127.5 - 1

    def look(self, prepared: Tensor) -> dict[str, Tensor]:
        """``maps`` [N, V]."""
        whole: Any = self.network.to(prepared.device)
        parts = []
        for head, depth in zip(whole.lins, whole.net(whole.scaling_layer(prepared)), strict=True):
            unit = depth / (torch.linalg.vector_norm(depth, dim=1, keepdim=True) + EPS)
            root = head.model[-1].weight.sqrt()
            parts.append((unit * root).flatten(1) / depth[0, 0].numel() ** 0.5)
        return {"maps": torch.cat(parts, 1)}

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """LPIPS [N] of prepared pictures [N, 3, S, S], by the package's own forward pass."""
        return self.network.to(a.device)(a, b).flatten()


def package(path: Path, net: str) -> nn.Module:
    """The authors' network with their heads, and the classifier of a file."""
    import lpips

    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")  # of arguments that torchvision has renamed
        made = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    fill_trunk(made, read(path), path.name)
    return cast(nn.Module, made).eval().requires_grad_(False)


def fill_trunk(network: Any, state: dict[str, Tensor], what: str) -> None:
    """Give the classifier's layers torchvision's weights ``features.*``, every one of them.

    Raises:
        UserError: one is missing, too many or of another shape.
    """
    wanted = network.net.state_dict()
    slices = {name.partition(".")[2]: name for name in wanted}  # slice3.8.weight is features.8
    given = {
        name.removeprefix("features."): value
        for name, value in state.items()
        if name.startswith("features.")
    }
    if set(given) != set(slices):
        odd = sorted(set(given) ^ set(slices))
        raise UserError(f"{what} does not fit its network: features.{odd[0]}.")
    for name, value in given.items():
        if value.shape != wanted[slices[name]].shape:
            raise UserError(f"{what} does not fit its network: the shape of features.{name}.")
    network.net.load_state_dict({slices[name]: value for name, value in given.items()})
