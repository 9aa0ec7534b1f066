"""Inception-v3 of 2015, the network of FID: its 2,048 pooled features (arXiv:1706.08500), of either
published file. Of the TorchScript program, which is run (take it from its official place alone) and
resizes itself, only the layers are used; the state dict (pytorch-fid's port), which is only read,
fills torchvision's network with the blocks in which clean-fid patches it. Batch norms are folded
into its convolutions, and features are channels-last: 0.7 to 0.9 of the time, equal to 7 digits.
"""

import zipfile
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from benchmarks.harness.evaluation.extractors import resize
from benchmarks.harness.evaluation.extractors.published_files import Published, fill, read
from benchmarks.harness.io import external_weights
from benchmarks.harness.io.contact_sheet import to_uint8
from core.errors import UserError

WIDTH = 2048  # of the last pooling, which FID compares (arXiv:1706.08500)
CLASSES = 1008  # of the graph of 2015; their layer is in the file and not used
RESIZES = ("clean", "legacy-pytorch", "legacy-tensorflow")


class Inception(Published):
    """Pooled features [N, 2048] by the first of the files that is there, resized as a published
    number names it: ``clean`` (clean-fid), ``legacy-pytorch`` (pytorch-fid), ``legacy-tensorflow``
    (TTUR, stylegan2-ada).
    """

    def __init__(self, *, weights: list[str], resize: str) -> None:
        if resize not in RESIZES:
            raise UserError(f"resize={resize} must be {', '.join(RESIZES)}.")
        present = [name for name in weights if external_weights.entry(name).state == "present"]
        super().__init__(weights=(present or list(weights))[0])
        self.resize = resize
        self.name = f"{self.path.stem}:{resize}"
        scripted = is_torchscript(self.path)
        self.network = self.shared("inception", from_torchscript if scripted else from_state_dict)

    def prepare(self, images: Tensor) -> Tensor:
        if self.resize == "legacy-tensorflow":  # (x - 128) / 128 is what the graph of 2015 does
            return (resize.legacy_tensorflow(resize.levels(images), resize.SIDE) - 128) / 128
        resized = resize.clean_fid(self.resize.replace("-", "_"))
        pixels = resize.stack([resized(picture) for picture in to_uint8(images)])
        if self.resize == "clean":
            return (pixels - 128) / 128
        return pixels / 255 * 2 - 1  # pytorch-fid's

    def look(self, prepared: Tensor) -> dict[str, Tensor]:
        output = self.output(prepared.contiguous(memory_format=torch.channels_last))
        return {"features": output.reshape(len(prepared), WIDTH)}


def is_torchscript(path: Path) -> bool:
    """Whether a file holds a TorchScript program rather than tensors by name."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any("/code/" in name for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def blank() -> nn.Module:
    """The untrained network, with the file's ``fc``; clean-fid's own constructor downloads it."""
    from cleanfid import inception_pytorch as fid
    from torchvision.models import inception_v3

    network = inception_v3(weights=None, num_classes=CLASSES, aux_logits=False, init_weights=False)
    for block, width, pooled in (("b", 192, 32), ("c", 256, 64), ("d", 288, 64)):
        setattr(network, f"Mixed_5{block}", fid.FIDInceptionA(width, pool_features=pooled))
    for block, width in (("b", 128), ("c", 160), ("d", 160), ("e", 192)):
        setattr(network, f"Mixed_6{block}", fid.FIDInceptionC(768, channels_7x7=width))
    network.Mixed_7b, network.Mixed_7c = fid.FIDInceptionE_1(1280), fid.FIDInceptionE_2(2048)
    return network


def from_state_dict(path: Path) -> nn.Module:
    """The network of a state dict, up to its pooled features."""
    from torchvision.models.inception import BasicConv2d

    with torch.random.fork_rng(devices=[]):
        network = fill(blank(), read(path), path.name)
    for layer in network.modules():
        if isinstance(layer, BasicConv2d):
            layer.conv, layer.bn = fuse_conv_bn_eval(layer.conv, layer.bn), nn.Identity()
    network.fc = nn.Identity()
    return network


def from_torchscript(path: Path) -> nn.Module:
    """The layers of a TorchScript file, without its resizing; UserError without such layers."""
    try:
        layers = torch.jit.load(str(path), map_location="cpu").layers
        with torch.no_grad():
            width = layers(torch.zeros(1, 3, resize.SIDE, resize.SIDE)).numel()
    except (OSError, RuntimeError, AttributeError, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise UserError(f"{path} is no TorchScript Inception ({first}).") from error
    if width != WIDTH:
        raise UserError(f"{path} gives {width} features, not {WIDTH}.")
    return layers.eval()
