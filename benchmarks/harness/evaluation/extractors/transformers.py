"""Vision transformers through timm: DINOv2, DINO and the picture side of CLIP. DINOv2's features
see what people see in generated pictures (arXiv:2306.04675), CLIP's give CMMD (arXiv:2401.09603),
and the keys of DINO's last layer the structure distance (arXiv:2201.00424).
"""

from typing import Any, cast

import timm
import torch
import torch.nn.functional as F
from PIL import Image
from timm.models.vision_transformer import checkpoint_filter_fn
from torch import Tensor, nn

from benchmarks.harness.evaluation.extractors import resize
from benchmarks.harness.evaluation.extractors.published_files import Published, fill, read
from core.errors import UserError

# Means and deviations of the channels in training: of torchvision's models, and of OpenAI's CLIP.
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
OPENAI = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
DINOV2 = {"s": "small", "b": "base", "l": "large"}
CLIPS = {"b32": ("vit_base_patch32_clip_quickgelu_224", 224, 512),
         "l14": ("vit_large_patch14_clip_quickgelu_336", 336, 768)}  # fmt: skip


class Transformer(Published):
    """A transformer that looks at pictures of one side, resized bicubically on bytes."""

    side = 224
    colours = IMAGENET

    def __init__(self, *, weights: str, architecture: str, **options: Any) -> None:
        super().__init__(weights=weights)
        self.name = f"{weights}:{self.side}"
        self.network = self.shared(
            self.name, lambda path: loaded(create(architecture, **options), read(path), path.name)
        )

    def prepare(self, images: Tensor) -> Tensor:
        mean, std = (torch.tensor(numbers)[:, None, None] for numbers in self.colours)
        return (resize.pillow(images, self.side, Image.Resampling.BICUBIC) / 255 - mean) / std


class DINOv2(Transformer):
    """Class tokens at 224 px, as FD-DINOv2 has them; of size ``s``, ``b`` or ``l``. Departs from
    the published evaluation in: the positions, learnt for 518 px, are brought to 224 px by timm
    (bicubic, antialiased), not by the authors' code.
    """

    def __init__(self, *, size: str) -> None:
        if size not in DINOV2:
            raise UserError(f"DINOv2 comes in the sizes {', '.join(DINOV2)}, not {size!r}.")
        architecture = f"vit_{DINOV2[size]}_patch14_dinov2"
        options = {"img_size": self.side, "num_classes": 0}
        super().__init__(weights=f"dinov2-{size}", architecture=architecture, **options)


class DINO(Transformer):
    """DINO's ViT-B/8 at 224 px: class tokens, and the self-similarity of its last keys."""

    def __init__(self) -> None:
        super().__init__(weights="dino-b8", architecture="vit_base_patch8_224", num_classes=0)

    def self_similarity(self, prepared: Tensor) -> Tensor:
        """Cosines [N, T, T] between the keys of the last layer, class token first."""
        return self_similarity(self.network.to(prepared.device), prepared)


class CLIP(Transformer):
    """Picture embeddings of OpenAI's CLIP ``b32`` (224 px) or ``l14`` (336 px, that of CMMD), not
    normalised. Departs from CMMD's code in: Pillow's antialiased filter on bytes resizes.
    """

    colours = OPENAI

    def __init__(self, *, size: str) -> None:
        if size not in CLIPS:
            raise UserError(f"CLIP comes in the sizes {', '.join(CLIPS)}, not {size!r}.")
        architecture, self.side, width = CLIPS[size]
        super().__init__(weights=f"clip-{size}", architecture=architecture, num_classes=width)


def create(architecture: str, **options: Any) -> nn.Module:
    """An untrained timm network; nobody else's random numbers depend on it."""
    with torch.random.fork_rng(devices=[]):
        return cast(nn.Module, timm.create_model(architecture, pretrained=False, **options))


def loaded(blank: Any, state: dict[str, Tensor], what: str) -> nn.Module:
    """The network with weights of timm's or the original layout; UserError of another's."""
    try:
        fitting = checkpoint_filter_fn(dict(state), blank)
    except (KeyError, RuntimeError, ValueError, AttributeError) as error:
        raise UserError(f"{what} does not fit its network.") from error
    if isinstance(blank.head, nn.Linear) and "head.weight" in fitting:
        # OpenAI projects without a bias, timm's layer has one.
        fitting.setdefault("head.bias", torch.zeros(len(fitting["head.weight"])))
    return fill(blank, fitting, what)


def self_similarity(network: Any, prepared: Tensor) -> Tensor:
    """Cosines [N, T, T] between the keys of a transformer's last layer, heads joined."""
    outputs: list[Tensor] = []
    hook = network.blocks[-1].attn.qkv.register_forward_hook(lambda _, __, y: outputs.append(y))
    try:
        network.forward_features(prepared)
    finally:
        hook.remove()
    keys = F.normalize(outputs[0].unflatten(2, (3, -1))[:, :, 1].float(), dim=2)
    return keys @ keys.mT
