from pathlib import Path

import pytest
import torch
from torch import Tensor

from core.errors import UserError
from core.networks import perception
from core.networks.perception import Perception, read, save
from core.paths import ROOT

SMALL = {
    "backbone": "resnet10t",
    "options": {"channels": [8, 16, 24, 32], "stem_type": "deep", "stem_width": 8},
    "resolution": 64,
    "stem_pool": False,
    "fine": 1,
    "features": 32,
    "identity": 12,
    "maps": 8,
    "attributes": ["yaw", "smile", "age"],
    "landmarks": ["left eye", "right eye"],
    "domains": ["photo", "sketch"],
}
SHIPPED = ("measure", "guide")


@pytest.fixture
def network() -> Perception:
    torch.manual_seed(0)
    return Perception(**SMALL).eval()


def pictures(n: int, side: int = 64) -> Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_every_head_has_its_shape(network: Perception) -> None:
    seen = network(pictures(5))
    shapes = {head: tuple(values.shape) for head, values in seen._asdict().items()}
    assert shapes == {
        "features": (5, 32),
        "identity": (5, 12),
        "landmarks": (5, 2, 2),
        "attributes": (5, 3),
        "domain": (5, 2),
        "quality": (5, 2),
    }
    torch.testing.assert_close(seen.identity.norm(dim=1), torch.ones(5))
    for head in ("features", "identity", "landmarks"):
        torch.testing.assert_close(getattr(network, head)(pictures(5)), getattr(seen, head))


def test_a_picture_is_read_alike_alone_and_in_a_batch(network: Perception) -> None:
    images = pictures(4)
    torch.testing.assert_close(network(images).features[2:3], network(images[2:3]).features)


def test_the_distance_is_a_squared_distance_of_vectors(network: Perception) -> None:
    a, b = pictures(6).split(3)
    apart = network.distance(a, b)
    assert torch.equal(network.distance(a, a), torch.zeros(3))
    torch.testing.assert_close(apart, network.distance(b, a))
    assert ((apart > 0) & (apart < 4)).all()
    torch.testing.assert_close(network.embed(a).norm(dim=1), torch.ones(3), atol=1e-3, rtol=0)


def test_the_distance_grows_with_the_change(network: Perception) -> None:
    images, noise = pictures(4) * 0.5, pictures(4).flip(0)
    little, much = (network.distance(images, images + s * noise).mean() for s in (0.05, 0.5))
    assert little < much


def test_the_distance_has_a_gradient_for_the_pictures(network: Perception) -> None:
    images = pictures(2).requires_grad_()
    network.distance(images, pictures(2).flip(3)).sum().backward()
    assert images.grad is not None
    assert images.grad.isfinite().all()
    assert images.grad.abs().sum() > 0


def test_landmarks_are_in_pixels_of_the_picture_given(network: Perception) -> None:
    small = pictures(3)
    large = small.repeat_interleave(2, 2).repeat_interleave(2, 3)
    here, there = network.landmarks(small), network.landmarks(large)
    torch.testing.assert_close(there, 2 * here, atol=1.5, rtol=0.05)
    assert ((here > -1) & (here < 65)).all()


def test_weights_come_back_from_half_precision(network: Perception, tmp_path: Path) -> None:
    path = tmp_path / "network.safetensors"
    save(network, path, {"which": "test"})
    again = read(path)
    assert again.config == network.config
    assert not any(p.requires_grad for p in again.parameters())
    seen, expected = again(pictures(3)), network(pictures(3))
    torch.testing.assert_close(seen.features, expected.features, atol=2e-2, rtol=2e-2)


def test_a_missing_network_is_named_with_its_command(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"benchmarks\.assets perception"):
        read(tmp_path / "perception_other.safetensors")
    with pytest.raises(UserError, match="choose measure or guide"):
        perception.load("judge")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_network_is_small_and_fit_for_64_pixels(name: str) -> None:
    network = perception.load(name)
    path = perception.ASSETS / f"perception_{name}.safetensors"
    assert path.stat().st_size <= 4 * 2**20
    assert network.resolution == 64
    assert not network.training


def test_the_shipped_networks_differ_in_architecture() -> None:
    one, other = (perception.load(name).config["backbone"] for name in SHIPPED)
    assert one != other


def test_no_method_looks_through_the_network_that_measures() -> None:
    files = [*ROOT.glob("adapters/**/*.py"), *ROOT.glob("conf/method/*.yaml")]
    files += [*ROOT.glob("core/**/*.py")]
    guilty = [
        path.name
        for path in files
        if path.name != "perception.py"
        and any(w in path.read_text(encoding="utf-8")
                for w in ('load("measure")', "load('measure')", "perception_measure"))
    ]  # fmt: skip
    assert guilty == []
