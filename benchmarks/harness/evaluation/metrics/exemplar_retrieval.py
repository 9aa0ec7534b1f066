"""How well stylised photos follow their exemplars: functions of features. A result shows a photo in
the style of an exemplar. Features of results are compared with those of exemplars after each has
lost what its set has in common, since photos and drawings differ by more than styles do.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

SIDE = 16  # px at which colours are compared
QUANTILES = 9  # deciles, without the ends, which single pixels decide
LUMA = (0.299, 0.587, 0.114)  # Rec. 601


def mean_distance(features: Tensor) -> float:
    """Mean squared distance between the results of one photo, features [P, K, F]; 0 if K is 1."""
    count = features.shape[1]
    if count < 2:
        return 0.0
    gaps = torch.cdist(features.double(), features.double()).square()
    return float(gaps.sum((1, 2)).mean() / (count * (count - 1)))


def retrieval_rate(results: Tensor, exemplars: Tensor) -> float:
    """Share of results [P, K, F] less their mean whose nearest exemplar [K, F] is their own."""
    ours = F.normalize(results.double() - results.double().mean(dim=1, keepdim=True), dim=2)
    theirs = F.normalize(exemplars.double() - exemplars.double().mean(dim=0), dim=1)
    nearest = (ours @ theirs.T).argmax(dim=2)  # results that do not differ all find the first
    return float((nearest == torch.arange(len(exemplars))).double().mean())


def palette(images: Tensor) -> Tensor:
    """What colours there are, wherever: quantiles of each channel [N, 3 Q] of [N, 3, R, R]."""
    pixels = F.adaptive_avg_pool2d(images.float(), SIDE).flatten(2)
    steps = torch.linspace(0, 1, QUANTILES + 2, device=images.device)[1:-1]
    return torch.quantile(pixels, steps, dim=2).permute(1, 2, 0).flatten(1)


def colourless(images: Tensor) -> Tensor:
    """Pictures [N, 3, R, R] as grey ones of the same mean and contrast."""
    grey = (images * images.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)
    mean, deviation = grey.mean((2, 3), keepdim=True), grey.std((2, 3), keepdim=True)
    # 0.4 clips from 2.5 deviations on; 1e-6 is for pictures of one grey.
    return (0.4 * (grey - mean) / (deviation + 1e-6)).clamp(-1, 1).expand(-1, 3, -1, -1)
