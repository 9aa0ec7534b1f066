"""A small network that knows faces of ParaFaces: features, landmarks, identity, distance. Two are
shipped and differ in architecture and seed: ``measure`` is what metrics read, ``guide`` what losses
may use; what was trained against never measures. The perceptual distance compares unit-normalised
channels at several stages (arXiv:1801.03924); landmarks are expectations over heat maps
(arXiv:1711.08229); the identity embedding was trained with an angular margin (arXiv:1801.07698).
Departs from the papers in: channels of the perceptual distance carry no learned weights, stages
count equally.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialised
from torch import Tensor, nn

from core import atomic
from core.errors import UserError
from core.paths import ASSETS

OPTIONS = ("channels", "depths", "dims", "stem_type", "stem_width")  # none names a file or a hub


class Reading(NamedTuple):
    """What the network sees in images [N, 3, R, R]."""

    features: Tensor  # [N, F]: last stage, joined by one layer, for distances of distributions
    identity: Tensor  # unit vectors [N, E]; the dot product says whether two faces are one person
    landmarks: Tensor  # x and y [N, K, 2] in pixels; the centre of the first pixel is at 0.5
    attributes: Tensor  # parameters of the head [N, P], in their own units
    domain: Tensor  # logits [N, D] of the domains in ``config["domains"]``
    quality: Tensor  # blur and noise [N, 2]: keeps ``features`` aware of picture quality


def trunk(backbone: str, options: Mapping[str, Any], stem_pool: bool) -> Any:
    """A timm architecture without its classifier; ``stem_pool`` False costs time, not detail. A
    file of weights names both: only architectures by their own names, only `OPTIONS` of them.
    """
    import timm  # 2.5 s of CPU, which whoever reads other networks does not pay

    if not timm.is_model(str(backbone)) or not set(options) <= set(OPTIONS):
        raise UserError(f"{backbone} with {', '.join(options)} is no architecture of timm's.")
    try:
        network: Any = timm.create_model(backbone, pretrained=False, num_classes=0, **options)
        with torch.no_grad():  # numbers that can be built are not always those of a network
            network.eval().forward_intermediates(torch.zeros(1, 3, 64, 64), intermediates_only=True)
        network.train()
    except Exception as error:  # whatever comes of numbers that fit no network
        raise UserError(f"{backbone} cannot be built with {options}: {error}.") from error
    if not stem_pool:  # it would halve the resolution before the first stage
        network.maxpool = nn.Identity()
    return network


def resized(images: Tensor, side: int) -> Tensor:
    """Images [N, 3, R, R] at ``side`` px."""
    if images.shape[-2:] == (side, side):
        return images
    return F.interpolate(images, (side, side), mode="bilinear", antialias=True)


class Perception(nn.Module):
    """A timm trunk of four stages and the heads of :class:`Reading`, for pictures at ``resolution``
    px. ``fine`` is the first stage that landmarks and the perceptual distance look at, ``maps`` the
    channels from which heat maps are read; the lists are names.
    """

    def __init__(
        self,
        *,
        backbone: str,
        options: dict[str, Any],
        resolution: int,
        stem_pool: bool,
        fine: int,
        features: int,
        identity: int,
        maps: int,
        attributes: list[str],
        landmarks: list[str],
        domains: list[str],
    ) -> None:
        super().__init__()
        self.attribute_mean: Tensor
        self.attribute_scale: Tensor
        reads = {"backbone": backbone, "options": options, "resolution": resolution}
        looks = {"stem_pool": stem_pool, "fine": fine}
        widths = {"features": features, "identity": identity, "maps": maps}
        names = {"attributes": attributes, "landmarks": landmarks, "domains": domains}
        lists = {key: list(value) for key, value in names.items()}
        self.config: dict[str, Any] = {**reads, **looks, **widths, **lists}
        self.resolution, self.fine = resolution, fine
        self.trunk = trunk(backbone, options, stem_pool)
        stages = self.trunk.feature_info[-4:][fine:]
        self.lateral = nn.ModuleList(nn.Conv2d(stage["num_chs"], maps, 1) for stage in stages)
        self.heat = nn.Conv2d(maps, len(landmarks), 1)
        # A mean over the picture would forget where things are, which is most of a face.
        with torch.no_grad():
            last = self.eval().stages(torch.zeros(1, 3, resolution, resolution))[-1].numel()
        self.neck = nn.Sequential(nn.Flatten(), nn.Linear(last, features), nn.BatchNorm1d(features))
        self.shift = nn.Linear(features, 2 * len(landmarks))
        self.identity_head = nn.Linear(features, identity)
        self.attribute_head = nn.Linear(features, len(attributes))
        self.domain_head = nn.Linear(features, len(domains))
        self.quality_head = nn.Linear(features, 2)
        self.register_buffer("attribute_mean", torch.zeros(len(attributes)))
        self.register_buffer("attribute_scale", torch.ones(len(attributes)))
        nn.init.zeros_(self.shift.weight)
        self.train()

    def stages(self, images: Tensor) -> list[Tensor]:
        """The outputs of the four stages, fine to coarse, of images [N, 3, R, R] in [-1, 1]."""
        images = resized(images, self.resolution)
        return list(self.trunk.forward_intermediates(images, intermediates_only=True)[-4:])

    def forward(self, images: Tensor) -> Reading:
        """All heads at once for images [N, 3, R, R] in [-1, 1]."""
        stages = self.stages(images)
        features = self.neck(stages[-1])
        return Reading(
            features=features,
            identity=F.normalize(self.identity_head(features).float()),
            landmarks=(self._locate(stages[self.fine :], features) + 1) * images.shape[-1] / 2,
            attributes=self.attribute_head(features) * self.attribute_scale + self.attribute_mean,
            domain=self.domain_head(features),
            quality=self.quality_head(features),
        )

    def features(self, images: Tensor) -> Tensor:
        """Features [N, F] for distances between distributions."""
        return self.neck(self.stages(images)[-1])

    def identity(self, images: Tensor) -> Tensor:
        """Unit vectors [N, E] that say who it is."""
        return F.normalize(self.identity_head(self.features(images)).float())

    def landmarks(self, images: Tensor) -> Tensor:
        """Landmarks [N, K, 2] (x, y) in pixels of the images."""
        return self(images).landmarks

    def embed(self, images: Tensor) -> Tensor:
        """Vectors [N, V] whose squared Euclidean distances are the perceptual distance."""
        parts = []
        # A coarser stage says who it is rather than how it looks.
        stages = self.stages(images)[self.fine : self.fine + 3]
        for stage in stages:
            unit = F.normalize(stage.float(), dim=1, eps=1e-6)  # 1e-6: of a map that is 0
            parts.append(unit.flatten(1) / (len(stages) * stage[0, 0].numel()) ** 0.5)  # means
        return torch.cat(parts, 1)

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """Perceptual distance [N] of images [N, 3, R, R]: 0 for equal ones, 4 at most."""
        return (self.embed(a) - self.embed(b)).square().sum(1)

    def _locate(self, stages: list[Tensor], features: Tensor) -> Tensor:
        """Landmarks [N, K, 2] in units of half the picture from its centre."""
        size = stages[0].shape[-2:]
        joint = self.lateral[0](stages[0])
        for lateral, stage in zip(self.lateral[1:], stages[1:], strict=True):
            joint = joint + F.interpolate(lateral(stage), size, mode="bilinear")
        heat = self.heat(F.relu(joint)).float().flatten(2).softmax(2).unflatten(2, size)
        steps = (torch.arange(size[0], device=heat.device) + 0.5) * 2 / size[0] - 1
        x, y = (heat.sum(2) * steps).sum(2), (heat.sum(3) * steps).sum(2)
        return torch.stack([x, y], 2) + self.shift(features).float().unflatten(1, (-1, 2))


def save(network: Perception, path: Path, facts: dict[str, str]) -> None:
    """Write the weights in half precision, with the architecture and facts as metadata."""
    state = {}
    for name, value in network.state_dict().items():
        kept = torch.float16 if value.ndim > 1 else value.dtype  # vectors weigh next to nothing
        state[name] = value.detach().cpu().contiguous().to(kept)
    meta = {"config": json.dumps(network.config), **facts}
    atomic.write(path, serialised(state, metadata=meta))


def read(path: Path) -> Perception:
    """The network of a file, in float32, in evaluation mode and frozen."""
    if not path.is_file():
        raise UserError(
            f"The perception network {path.name} is not at {path.parent}; "
            "`python -m benchmarks.assets perception` trains it."
        )
    # Nobody's random numbers may depend on when a network is first needed.
    try:
        with safe_open(path, "pt") as file, torch.random.fork_rng(devices=[]):
            network = Perception(**json.loads(file.metadata()["config"]))
            network.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        first = " ".join(str(error).split())[:200]
        raise UserError(f"{path} holds no perception network ({first}).") from error
    return network.eval().requires_grad_(False)


@cache
def load(name: str) -> Perception:
    """A shipped network: ``measure`` for metrics, ``guide`` for losses; shared by all callers."""
    if name not in ("measure", "guide"):
        raise UserError(f"There is no perception network {name!r}; choose measure or guide.")
    return read(ASSETS / f"perception_{name}.safetensors")


class Guide:
    """The shipped network that serves losses, read when first used; called, it is the distance."""

    def __init__(self) -> None:
        self.config = {"network": "guide"}

    def __call__(self, pictures: Tensor, photos: Tensor) -> Tensor:
        return self._at(pictures).distance(pictures, photos)

    def embed(self, images: Tensor) -> Tensor:
        return self._at(images).embed(images)

    def identity(self, images: Tensor) -> Tensor:
        return self._at(images).identity(images)

    def stages(self, images: Tensor) -> list[Tensor]:
        return self._at(images).stages(images)

    def _at(self, images: Tensor) -> Perception:
        return load("guide").to(images.device)
