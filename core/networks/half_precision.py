"""Float16 in the highest resolutions of a pair, as ``num_fp16_res`` of StyleGAN2-ADA (NVIDIA's code
of arXiv:2006.06676): how a network is run, which its weights and their ``config`` do not know.
"""

from torch import nn

from core.networks.discriminator import Discriminator
from core.networks.generator import Synthesis
from core.networks.layers import Conv, SynthesisLayer, ToRGB
from core.ops.bias_act import SQRT2

CLAMP = 256.0  # on what layers give, as published: float16 ends at 65,504


def run_in_half(root: nn.Module, resolutions: int) -> None:
    """Have the so many highest resolutions of every network in a module compute in float16; never
    the lowest. Layers that have no clamp get one.
    """
    for network in root.modules():
        if not resolutions or not isinstance(network, Synthesis | Discriminator):
            continue
        known = sorted(int(name[1:]) for name, _ in network.named_children() if name[1:].isdigit())
        for r in known[1:][-resolutions:]:
            block = getattr(network, f"b{r}")
            block.in_half = True
            for layer in block.modules():
                if isinstance(layer, SynthesisLayer | ToRGB) and layer.clamp is None:
                    layer.clamp = CLAMP
                elif isinstance(layer, Conv) and layer.clamp is None:
                    layer.clamp = CLAMP * layer.bias_gain / SQRT2  # the share of the residual
