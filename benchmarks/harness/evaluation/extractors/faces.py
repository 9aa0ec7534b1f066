"""Identity networks on real faces: IR-SE50 and MobileFaceNet, both trained with an angular margin.
A network that a method was trained against must not measure it: compare with another one.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from benchmarks.harness.alignment import detectors
from benchmarks.harness.evaluation.extractors import mobilefacenet
from benchmarks.harness.evaluation.extractors.published_files import Published, fill, read
from benchmarks.harness.io.contact_sheet import to_uint8
from core import convert
from core.bounds import Share
from core.errors import UserError
from core.networks.encoders import face_crop

Finder = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Images [N, 3, R, R] to points [N, 2, 4 or 5, 2] in pixels, and whether there is a face [N]."""


class FramedFaces:
    """Faces whose ``eyes``, left and right in units of the side, are where the set frames them."""

    def __init__(self, *, eyes: Sequence[Sequence[Share]]) -> None:
        points = torch.tensor(eyes, dtype=torch.float64)
        if points.shape != (2, 2) or bool((points <= 0).any() or (points >= 1).any()):
            raise UserError(f"eyes={eyes} must be two points within the picture, [[x, y], [x, y]].")
        self.eyes = points
        self.files: dict[str, str] = {}
        self.name = "framed " + " ".join(f"{number:g}" for number in points.flatten())

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        n = len(images)
        return self.eyes.expand(n, 2, 2) * images.shape[-1], torch.ones(n, dtype=torch.bool)


class DetectedFaces:
    """Eyes and mouth of the surest face that a detector finds, such as ``mtcnn``; zeros without."""

    def __init__(self, *, detector: str) -> None:
        self.detector = detectors.detector(detector)
        self.files = detectors.traces(detector)
        self.name = f"found by {detector}"

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Points [N, 4, 2], zeros where there is no face."""
        points = torch.zeros(len(images), 4, 2, dtype=torch.float64)
        detected = torch.zeros(len(images), dtype=torch.bool)
        for i, pixels in enumerate(to_uint8(images)):
            faces = self.detector(Image.fromarray(pixels), "")
            if faces:
                points[i], detected[i] = torch.from_numpy(faces[0]), True
        return points, detected


class MobileFaceNet(Published):
    """``identity`` [N, 128] unit vectors, and ``found`` [N]: whether the finder sees a face."""

    def __init__(self, *, finder: Finder) -> None:
        super().__init__(weights="mobilefacenet")
        self.finder = finder
        self.files = dict(getattr(finder, "files", {}))
        self.name = f"mobilefacenet:{getattr(finder, 'name', type(finder).__name__)}"
        with torch.random.fork_rng(devices=[]):
            blank = mobilefacenet.MobileFaceNetwork()
        self.network = fill(blank, read(self.path), self.path.name)

    def prepare(self, images: Tensor) -> Tensor:
        points, detected = self.finder(images)
        faces = torch.zeros(len(images), 3, mobilefacenet.HEIGHT, mobilefacenet.WIDTH)
        if bool(detected.any()):
            aligned = mobilefacenet.align(images[detected].float(), points[detected])
            faces[detected] = aligned * (127.5 / 128)  # it was trained on (x - 127.5) / 128
        return faces

    def look(self, prepared: Tensor) -> dict[str, Tensor]:
        detected = prepared.flatten(1).any(1)
        vectors = F.normalize(self.output(prepared))
        return {"identity": vectors * detected[:, None], "found": detected.float()}


class ArcFace(Published):
    """``identity`` [N, 512] unit vectors of IR-SE50, on pictures in the framing of FFHQ."""

    def __init__(self) -> None:
        super().__init__(weights="arcface-irse50")
        self.name = "arcface-irse50:ffhq"
        try:
            network = convert.from_state_dict(read(self.path), format="ir_se50")
        except convert.CheckpointError as error:
            raise UserError(f"{self.path.name} does not fit its network: {error}") from error
        self.network = network.eval().requires_grad_(False)

    def prepare(self, images: Tensor) -> Tensor:
        return face_crop(images)

    def look(self, prepared: Tensor) -> dict[str, Tensor]:
        found = torch.ones(len(prepared), device=prepared.device)
        return {"identity": F.normalize(self.output(prepared)), "found": found}
