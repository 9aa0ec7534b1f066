"""LPIPS by the authors' package, with a random classifier that is read from a file."""

import warnings

import lpips
import pytest
import torch

from core.errors import UserError
from core.networks.lpips import CLASSIFIERS, load_lpips


def package(net):
    """The authors' network with a random classifier, and that as torchvision names it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = lpips.LPIPS(net=net, pnet_rand=True, pretrained=True, verbose=False).eval()
    trunk = {}
    for i in range(1, theirs.net.N_slices + 1):
        for name, value in getattr(theirs.net, f"slice{i}").state_dict().items():
            trunk[f"features.{name}"] = value
    return theirs, trunk | {"classifier.0.weight": torch.zeros(1)}


def path(folder, net):
    return folder / CLASSIFIERS[net].rsplit("/", 1)[1]


@pytest.mark.parametrize("net", ["alex", "vgg", "squeeze"])
def test_distances_are_those_of_the_authors_package(net, tmp_path):
    torch.manual_seed(0)
    theirs, classifier = package(net)
    torch.save(classifier, path(tmp_path, net))
    before = torch.random.get_rng_state()
    ours = load_lpips(net, str(tmp_path))
    assert torch.equal(before, torch.random.get_rng_state())
    assert not any(parameter.requires_grad for parameter in ours.parameters())
    a, b = torch.rand(2, 3, 64, 64) * 2 - 1, torch.rand(2, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        expected = theirs(a, b).flatten()
        torch.testing.assert_close(ours(a, b), expected, atol=1e-6, rtol=1e-4)
        torch.testing.assert_close(ours.package(a, b).flatten(), expected)
        assert (ours(a, a) == 0).all()
    a.requires_grad_(True)
    ours(a, b).sum().backward()
    assert torch.isfinite(a.grad).all()
    assert a.grad.abs().sum() > 0


def test_a_place_where_no_channel_is_active_has_a_gradient(tmp_path):
    _, classifier = package("alex")
    classifier["features.0.weight"][:] = 0
    classifier["features.0.bias"][:] = -1
    torch.save(classifier, path(tmp_path, "alex"))
    images = torch.rand(1, 3, 64, 64, requires_grad=True)
    load_lpips("alex", str(tmp_path))(images, torch.rand(1, 3, 64, 64)).sum().backward()
    assert torch.isfinite(images.grad).all()


def test_what_lpips_needs_is_said(tmp_path):
    with pytest.raises(UserError, match=r"alexnet-owt.*benchmarks\.fetch lpips-alex"):
        load_lpips("alex", str(tmp_path))
    with pytest.raises(UserError, match="not 'resnet'"):
        load_lpips("resnet", str(tmp_path))
    _, classifier = package("alex")
    for odd in (
        {k: v for k, v in classifier.items() if k != "features.3.bias"},
        classifier | {"features.3.bias": torch.zeros(2)},
        classifier | {"features.99.bias": torch.zeros(2)},
    ):
        torch.save(odd, path(tmp_path, "alex"))
        with pytest.raises(UserError, match=r"alexnet.*does not fit its network: features\.\d+"):
            load_lpips("alex", str(tmp_path))
