"""LPIPS 0.1 (arXiv:1801.03924), with its classifier from the list of optional files."""

from PIL import Image
from torch import Tensor

from benchmarks.harness.evaluation.extractors import resize
from benchmarks.harness.evaluation.extractors.published_files import Published, read
from core.errors import UserError
from core.networks.lpips import LPIPSNetwork, check_net

LEAST, LARGEST = 32, 1024  # px: what the deepest of its layers can see, and the largest sources


class LPIPS(Published):
    """``maps``, whose squared distances are LPIPS, by ``vgg`` (intra-cluster LPIPS as papers print
    it), ``alex`` or ``squeeze``. Pictures are brought to ``side`` bilinearly on bytes (0: not).
    """

    network: LPIPSNetwork

    def __init__(self, *, net: str, side: int) -> None:
        check_net(net)
        if side not in (0, *range(LEAST, LARGEST + 1)):
            raise UserError(f"side={side} must be 0 or a whole number from {LEAST} to {LARGEST}.")
        super().__init__(weights=f"lpips-{net}")
        self.side = side
        self.name = f"lpips-{net}:{side or 'as it is'}"
        self.network = self.shared(f"lpips-{net}", lambda p: LPIPSNetwork(net, read(p), p.name))

    def prepare(self, images: Tensor) -> Tensor:
        if self.side in (0, images.shape[-1]):
            return images
        return resize.pillow(images, self.side, Image.Resampling.BILINEAR) / 127.5 - 1

    def look(self, prepared: Tensor) -> dict[str, Tensor]:
        return {"maps": self.network.to(prepared.device).embed(prepared)}

    def distance(self, a: Tensor, b: Tensor) -> Tensor:
        """LPIPS [N] of prepared pictures [N, 3, S, S], by the package's own forward pass."""
        return self.network.to(a.device).package(a, b).flatten()
