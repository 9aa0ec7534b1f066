"""Structure kept in relation, not in place: the losses and the latent compression of RSSA, with
sums and means as in the public code.
Paper: "Few shot generative model adaption via relaxed spatial structural alignment"
(arXiv:2203.04121).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from core import distributed
from core.draws import sent

BLOCKED = 64  # side from which on maps are compared block by block, as in the public code
BLOCKS = 4  # a side: blocks of 16 px at 64 px, of 32 px at 128 px


def project_latents(ws: Tensor, codes: Tensor, strengths: Sequence[float]) -> Tensor:
    """Styles [N, L, W] drawn towards what the references' codes [K, L, W] span: row w becomes ``(1
    - s) w + s p``, p its projection and as long, with one strength for each of the L rows. The K
    codes of a row must be linearly independent, so K is at most W.
    """
    basis = codes.permute(1, 2, 0)  # [L, W, K]
    rows = ws.transpose(0, 1).mT  # [L, W, N]
    # Nobody waits to hear whether it could be solved: what is not finite ends the training.
    share, _ = torch.linalg.solve_ex(basis.mT @ basis, basis.mT @ rows)
    spanned = basis @ share
    spanned = F.normalize(spanned, dim=1) * rows.norm(dim=1, keepdim=True)
    by_row = sent(torch.tensor(strengths, dtype=ws.dtype), ws.device)
    mixed = torch.lerp(rows, spanned, by_row[:, None, None])
    return mixed.mT.transpose(0, 1)


def windows(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Of maps [N, C, h, w] the four quarters [4 N, C, h/2, w/2], and the middle as large as one."""
    half = maps.shape[-1] // 2
    quarters = [maps[..., i : i + half, j : j + half] for i in (0, half) for j in (0, half)]
    edge = half // 2
    return torch.cat(quarters), maps[..., edge : edge + half, edge : edge + half]


def self_similarity(maps: Tensor) -> Tensor:
    """Products [N, P, P] of the features of any two positions of maps [N, C, h, w]."""
    features = maps.flatten(2)
    return features.mT @ features


def self_correlation(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Tensor:
    """Scalar: how much relations between the places of a picture have changed, by maps [N, C, h, w]
    of the same pictures by the adapted generator and by the source (of 64 px and more, in the
    public code).
    """
    terms = []
    for mine, other in zip(ours, theirs, strict=True):
        pooled = [windows(F.avg_pool2d(F.normalize(x, dim=1), 2)) for x in (mine, other)]
        for a, b in zip(*pooled, strict=True):
            terms.append(F.smooth_l1_loss(self_similarity(a), self_similarity(b)))
    return torch.stack(terms).sum()


def blocks(maps: Tensor) -> Tensor:
    """Features [N, B, C, P] of maps [N, C, h, w] in B blocks of P positions; small maps are one."""
    n, c, h, w = maps.shape
    count = BLOCKS if h >= BLOCKED else 1
    cut = maps.reshape(n, c, count, h // count, count, w // count)
    return cut.permute(0, 2, 4, 1, 3, 5).reshape(n, count**2, c, -1)


def disturbance_correlation(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Tensor:
    """Scalar: how much relations between the places of different pictures have changed: the sum
    over maps (to the first of 128 px, in the public code, which divides by its six pairs) and over
    the pairs of the whole batch of mean differences by positions.
    """
    total = ours[0].new_zeros(())
    for mine, other in zip(ours, theirs, strict=True):
        a, b = (blocks(distributed.gather(F.normalize(x, dim=1))) for x in (mine, other))
        for j in range(len(a) - 1):
            now, before = ((x[j].mT @ x[j + 1 :]).softmax(-1) for x in (a, b))
            change = (now - before).abs().flatten(1).mean(1)
            total = total + change.sum() * a.shape[-1]
    return total
