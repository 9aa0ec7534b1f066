"""LPIPS against the authors' package, with a random classifier and their weights."""

import lpips
import pytest
import torch

from core.errors import UserError
from core.networks.lpips import LPIPS, load_lpips


@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_distances_are_those_of_the_authors_package(net):
    torch.manual_seed(0)
    theirs = lpips.LPIPS(net=net, pnet_rand=True, pretrained=True, verbose=False).eval()
    trunk = {}
    for i in range(1, 6):
        for name, value in getattr(theirs.net, f"slice{i}").state_dict().items():
            trunk[f"features.{name}"] = value
    heads = {k: v for k, v in theirs.state_dict().items() if k.startswith("lin")}
    ours = LPIPS(net, trunk, heads)
    a, b = torch.rand(2, 3, 64, 64) * 2 - 1, torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        expected = theirs(a, b).flatten()
        torch.testing.assert_close(ours(a, b), expected, atol=1e-6, rtol=1e-4)
        assert (ours(a, a) == 0).all()
    a.requires_grad_(True)
    ours(a, b).sum().backward()
    assert torch.isfinite(a.grad).all()
    assert a.grad.abs().sum() > 0


def test_what_lpips_needs_is_said(tmp_path):
    with pytest.raises(UserError, match="alexnet-owt"):
        load_lpips("alex", str(tmp_path))
    with pytest.raises(UserError, match="not 'squeeze'"):
        load_lpips("squeeze", str(tmp_path))
