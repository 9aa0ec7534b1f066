"""What trains under StyleDomain's parameterisations, and that all begin as the source."""

import pytest
import torch

from benchmarks.harness.config.build import build
from core.errors import UserError

METHODS = ("s_delta", "affine", "affine_light")


@pytest.fixture
def made(composed):
    def made(method, *words):
        cfg = composed(f"method={method}", *words)
        return build(cfg.method, build(cfg.source))

    return made


def moving(adapter):
    return {name for name, p in adapter.g.named_parameters() if p.requires_grad}


def test_the_offsets_of_styles_are_the_biases_of_the_convolutions_style_layers(made):
    adapter = made("s_delta")
    layers = [f"synthesis.{name}" for name in adapter.g.synthesis.noise_names]
    assert moving(adapter) == {f"{layer}.affine.bias" for layer in layers}
    assert all(p.requires_grad for p in adapter.d.parameters())


def test_style_layers_train_whole_or_by_factors_and_one_block_by_offsets(made):
    whole, light = moving(made("affine")), moving(made("affine_light"))
    offsets = {f"synthesis.b64.{layer}" for layer in ("conv0", "conv1", "torgb")}
    offsets = {f"{layer}.parametrizations.weight.0.offset" for layer in offsets}
    assert offsets == whole & light
    adapter = made("finetune")
    styles = {n for n, _ in adapter.g.named_modules() if n.endswith("affine")}
    assert whole - offsets == {f"{n}.{part}" for n in styles for part in ("weight", "bias")}
    named = {f"{n}.parametrizations.weight.0.{part}" for n in styles for part in ("first", "last")}
    assert light - offsets == named


@pytest.mark.parametrize("method", METHODS)
def test_all_begin_as_the_source_and_are_plain_when_exported(made, method):
    adapter, other = made(method), made(method)
    z = torch.randn(2, adapter.g.z_dim)
    assert torch.equal(adapter.sample(z), adapter.source.g(z))
    with torch.no_grad():
        for network in (adapter.g, adapter.ema.model):
            for p in network.parameters():
                p.add_(0.05 * torch.randn_like(p))
    exported = adapter.export()
    assert exported["g_ema"].state_dict().keys() == adapter.source.g.state_dict().keys()
    other.recall(exported)
    assert torch.equal(other.sample(z), adapter.sample(z))
    assert not torch.equal(other.sample(z), adapter.source.g(z))


def test_an_offset_is_the_same_at_all_positions_of_a_kernel(made):
    layer = made("affine").g.synthesis.b64.conv0
    before = layer.weight.clone()
    with torch.no_grad():
        layer.parametrizations.weight[0].offset[1, 2] = 3
    assert torch.equal(
        (layer.weight - before).nonzero()[:, :2].unique(dim=0), torch.tensor([[1, 2]])
    )
    torch.testing.assert_close(layer.weight[1, 2] - before[1, 2], torch.full((3, 3), 3.0))


@pytest.mark.parametrize(("method", "times"), [("s_delta", 25), ("affine_light", 10)])
def test_few_numbers_train_at_a_multiple_of_the_discriminators_rate(made, method, times):
    g, d = made(method, "method.lr=0.004").configure_optimizers()
    usual = made("finetune", "method.lr=0.004").configure_optimizers()
    rates = [one.param_groups[0]["lr"] for one in (g, d)]
    wanted = [one.param_groups[0]["lr"] for one in usual]
    assert rates == pytest.approx([times * wanted[0], wanted[1]])


def test_a_block_that_is_not_there_is_refused(made):
    with pytest.raises(UserError, match="offset_at=256 is no resolution of G: 4, 8, 16, 32, 64"):
        made("affine", "method.offset_at=256")
