import pytest
import torch

from benchmarks.harness.speed.cases import TWINS
from core.networks.discriminator import Discriminator, minibatch_deviation
from core.networks.generator import channel_table

TABLE = {4: 8, 8: 7, 16: 6, 32: 5}


@pytest.fixture
def d():
    torch.manual_seed(1)
    d = Discriminator(img_resolution=32, channels=TABLE)
    for parameter in d.parameters():
        parameter.data.add_(0.2 * torch.randn_like(parameter))
    return d.double()


@pytest.fixture
def images():
    return torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(2)).double()


twins = pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS)


@twins
@pytest.mark.parametrize("clamp", [None, 0.5])
def test_logits_and_gradients_are_those_of_the_twins(d, images, clamp, twin):
    other = Discriminator(**{**d.config, "conv_clamp": clamp}).double()
    other.load_state_dict(d.state_dict())
    ours, theirs = other(images), twin.logits(other, images)
    torch.testing.assert_close(ours, theirs)
    parameters = list(other.parameters())
    for a, b in zip(
        torch.autograd.grad(ours.square().sum(), parameters),
        torch.autograd.grad(theirs.square().sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@twins
def test_r1_is_differentiable_like_the_twins(d, images, twin):
    def slopes(logits):
        x = images.clone().requires_grad_()
        (slope,) = torch.autograd.grad(logits(x).sum(), x, create_graph=True)
        return torch.autograd.grad(
            slope.square().sum(), list(d.parameters()), materialize_grads=True, allow_unused=True
        )

    for a, b in zip(slopes(d), slopes(lambda x: twin.logits(d, x)), strict=True):
        torch.testing.assert_close(a, b)


def test_the_deviation_is_shared_by_strided_groups():
    x = torch.randn(8, 3, 4, 4)
    channel = minibatch_deviation(x, 4)[:, 3, 0, 0]
    assert len(set(channel[::2].tolist())) == 1
    assert len(set(channel[1::2].tolist())) == 1
    assert channel[0] != channel[1]
    wanted = (x[::2].var(0, unbiased=False) + 1e-8).sqrt().mean()
    torch.testing.assert_close(channel[0], wanted)


@pytest.mark.parametrize(("n", "size"), [(6, 3), (5, 1), (2, 2), (1, 1), (12, 4)])
def test_a_batch_that_does_not_divide_takes_its_largest_divisor(n, size):
    x = torch.randn(n, 3, 4, 4)
    assert torch.equal(minibatch_deviation(x, 4), minibatch_deviation(x, size))


def test_no_group_is_the_whole_batch():
    x = torch.randn(6, 3, 4, 4)
    assert torch.equal(minibatch_deviation(x, None), minibatch_deviation(x, 6))


def test_features_are_what_enters_each_resolution(d, images):
    logits, features = d.features(images)
    assert torch.equal(logits, d(images))
    assert logits.shape == (8, 1)
    assert {r: tuple(f.shape) for r, f in features.items()} == {
        r: (8, c, r, r) for r, c in TABLE.items()
    }


def test_a_configuration_rebuilds_the_discriminator(d, images):
    again = Discriminator(**d.config).double()
    again.load_state_dict(d.state_dict())
    assert torch.equal(again(images), d(images))


def test_bfloat16_autocast_stays_near(d, images):
    d, images = d.float(), images.float()
    exact = d(images)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = d(images)
    assert rough.dtype == torch.float32
    assert (rough - exact).abs().max() < 0.05 * max(exact.abs().max().item(), 1)


def test_the_published_parameter_count():
    with torch.device("meta"):
        d = Discriminator(img_resolution=256, channels=channel_table(256, 32768, 512))
    assert sum(p.numel() for p in d.parameters()) == 28_864_129


def test_wrong_images_are_named(d, images):
    with pytest.raises(ValueError, match="images must be"):
        d(images[:, :, :16, :16])
