"""What losses on real faces look through, from files of published layouts."""

import pytest
import torch
import torch.nn.functional as F

from core.errors import UserError
from core.networks.encoders import IRSE50, IdentityLoss
from core.networks.lpips import CLASSIFIERS, LPIPSNetwork
from core.networks.published_guide import PublishedGuide, load_identity
from tests.golden.cases import EXHAUSTIVE
from tests.helpers.weights import made

VGG = [64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512]


def classifier():
    """VGG-16's convolutions under torchvision's names."""
    shapes, place, before = {}, 0, 3
    for width in VGG:
        if width:
            shapes |= {f"features.{place}.weight": torch.empty(width, before, 3, 3, device="meta"),
                       f"features.{place}.bias": torch.empty(width, device="meta")}  # fmt: skip
        place, before = place + (2 if width else 1), width or before
    return made(shapes, 1)


def test_lpips_sees_256_px_at_most_and_stages_begin_at_a_quarter(tmp_path):
    state = classifier()
    path = tmp_path / CLASSIFIERS["vgg"].rpartition("/")[2]
    torch.save(state, path)
    guide, own = PublishedGuide(lpips=path), LPIPSNetwork("vgg", state, "vgg")
    a, b = torch.rand(2, 1, 3, 64, 64, generator=torch.Generator().manual_seed(2)) * 2 - 1
    torch.testing.assert_close(guide(a, b), own(a, b))
    large = F.interpolate(a, scale_factor=8, mode="nearest")
    small = F.interpolate(large, (256, 256), mode="bilinear", antialias=True)
    torch.testing.assert_close(guide.embed(large), own.embed(small))
    assert [stage.shape[1:] for stage in guide.stages(a)] == [
        (256, 16, 16), (512, 8, 8), (512, 4, 4)
    ]  # fmt: skip
    torch.testing.assert_close(guide.stages(a)[0], own.depths(a)[2])
    with pytest.raises(UserError, match="no network of identity: =faces names one"):
        guide.identity(a)


@EXHAUSTIVE
@pytest.mark.slow
def test_identity_is_that_of_the_loss_of_psp(tmp_path):
    with torch.device("meta"):
        shapes = IRSE50().state_dict()
    state, path = made(shapes, 3), tmp_path / "model_ir_se50.pth"
    torch.save(state, path)
    guide = PublishedGuide(arcface=path)
    a, b = torch.rand(2, 1, 3, 256, 256, generator=torch.Generator().manual_seed(4)) * 2 - 1
    cosine = (guide.identity(a) * guide.identity(b)).sum(1)
    torch.testing.assert_close(cosine, IdentityLoss(load_identity(path)).similarity(a, b))
    del state["body.0.res_layer.1.weight"]
    torch.save(state, path)
    with pytest.raises(UserError, match=r"model_ir_se50\.pth: ir_se50: entry 'body\.0"):
        load_identity(path)
