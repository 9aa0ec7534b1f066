"""LPIPS, version 0.1: a perceptual distance learnt from human judgements (arXiv:1801.03924), of
pictures as they come. The network is that of the authors' package, with its learnt weights of
channels; the classifier, which it would download, is torchvision's file.
"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import UserError

CLASSIFIERS = {
    "alex": "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    "vgg": "https://download.pytorch.org/models/vgg16-397923af.pth",
    "squeeze": "https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
}
EPS = 1e-10  # added to the length of a feature, as in the package


class LPIPSNetwork(nn.Module):
    """The distance and its embedding; frozen. ``net`` is ``alex`` (for measuring), ``vgg`` (for
    losses), as the authors advise, or ``squeeze``; of ``classifier`` ``features.*`` are used; a
    misfit is called ``file``.
    """

    package: Any

    def __init__(self, net: str, classifier: Mapping[str, Tensor], file: str) -> None:
        super().__init__()
        import lpips  # takes a second, and few runs look through it

        check_net(net)
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("ignore")  # of arguments that torchvision has renamed
            self.package = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
        trunk = self.package.net
        names = {f"features.{k.partition('.')[2]}": k for k in trunk.state_dict()}  # slice3.8.bias
        state = {name: value for name, value in classifier.items() if name.startswith("features.")}
        shapes = {name: trunk.state_dict()[key].shape for name, key in names.items()}
        odd = shapes.items() ^ {name: value.shape for name, value in state.items()}.items()
        if odd:
            raise UserError(f"{file} does not fit its network: {min(name for name, _ in odd)}.")
        trunk.load_state_dict({names[name]: value for name, value in state.items()})
        self.eval().requires_grad_(False)

    def depths(self, images: Tensor) -> Sequence[Tensor]:
        """The trunk's features [N, C, r, r] of images [N, 3, R, R] in [-1, 1], fine to coarse."""
        return self.package.net(self.package.scaling_layer(images))

    def embed(self, images: Tensor) -> Tensor:
        """Vectors [N, V] of images [N, 3, R, R] in [-1, 1]; their squared distances are LPIPS."""
        parts = []
        for head, x in zip(self.package.lins, self.depths(images), strict=True):
            # The package takes the root of a sum, whose gradient is NaN where all channels are 0.
            unit = x / (torch.linalg.vector_norm(x, dim=1, keepdim=True) + EPS)
            parts.append((unit * head.model[-1].weight.sqrt()).flatten(1) / x[0, 0].numel() ** 0.5)
        return torch.cat(parts, 1)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Distance [N] of images [N, 3, R, R] in [-1, 1], with a gradient everywhere."""
        return (self.embed(a) - self.embed(b)).square().sum(1)


def load_lpips(net: str, folder: str) -> LPIPSNetwork:
    """LPIPS with torchvision's classifier from a folder, where it has torchvision's name."""
    check_net(net)
    path = Path(folder).expanduser() / CLASSIFIERS[net].rpartition("/")[2]
    if not path.is_file():
        raise UserError(
            f"LPIPS needs {path}: `python -m benchmarks.fetch lpips-{net}` puts it into "
            f"~/.cache/styleshift/weights (published at {CLASSIFIERS[net]})."
        )
    classifier = torch.load(path, map_location="cpu", weights_only=True)
    return LPIPSNetwork(net, classifier, path.name)


def check_net(net: str) -> None:
    if net not in CLASSIFIERS:
        raise UserError(f"LPIPS has the networks {', '.join(CLASSIFIERS)}, not {net!r}.")
