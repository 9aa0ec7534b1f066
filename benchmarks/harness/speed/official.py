"""What a user of StyleGAN2 would otherwise run: the formulations of the two official codes in plain
torch, as papers and documentation describe them, with nothing copied. NVIDIA's reference operators
(stylegan2-ada-pytorch, arXiv:2006.06676) and rosinality's native ones (stylegan2-pytorch), on which
the codes of CDC, JoJoGAN and DualStyleGAN are built. Like the textbook's they are oracles.
"""

import torch.nn.functional as F
from torch import Tensor

from benchmarks.harness.speed.textbook import Textbook
from core.networks.layers import EPS, SynthesisLayer, ToRGB


class Rosinality(Textbook):
    """Weights are scaled for each sample, upsampling convolves transposed and grouped over the
    batch, and the discriminator's skip is blurred at full size.
    """

    def up(self, x: Tensor, weight: Tensor) -> Tensor:
        n, o, i, *kernel = weight.shape
        weight = weight.transpose(1, 2).reshape(n * i, o, *kernel)
        y = F.conv_transpose2d(x.reshape(1, n * i, *x.shape[2:]), weight, stride=2, groups=n)
        return self.upfirdn2d(y.reshape(n, o, *y.shape[2:]), self.taps * 4, pad=(1, 1))

    def skip(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.conv2d(self.upfirdn2d(x, self.taps, pad=(1, 1)), weight, stride=2)


class Nvidia(Textbook):
    """In training the features are scaled, not the weights, of which each sample's are computed for
    their lengths alone; otherwise as rosinality's. Filters are depthwise convolutions.
    """

    up = Rosinality.up

    def filtered(self, x: Tensor, f: Tensor) -> Tensor:
        channels = x.shape[1]
        return F.conv2d(x, f.repeat(channels, 1, 1, 1), groups=channels)

    def modulated(self, layer: SynthesisLayer, x: Tensor, styles: Tensor) -> Tensor:
        if not layer.training:
            return super().modulated(layer, x, styles)
        weight = layer.weight[None] * styles[:, None, :, None, None]
        lengths = (weight.square().sum((2, 3, 4)) + EPS).rsqrt()
        x = x * styles[:, :, None, None]
        if layer.up:
            y = F.conv_transpose2d(x, layer.weight.transpose(0, 1), stride=2)
            y = self.upfirdn2d(y, self.taps * 4, pad=(1, 1))
        else:
            y = F.conv2d(x, layer.weight, padding=1)
        return y * lengths[:, :, None, None]

    def coloured(self, layer: ToRGB, x: Tensor, styles: Tensor) -> Tensor:
        if not layer.training:
            return super().coloured(layer, x, styles)
        return F.conv2d(x * styles[:, :, None, None], layer.weight)
