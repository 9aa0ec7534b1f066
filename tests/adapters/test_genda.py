"""GenDA's adaptor against adapted styles, what trains, and how far training's styles spread."""

import pytest
import torch

from benchmarks.harness.config.build import build


@pytest.fixture
def made(composed):
    def made(*words):
        cfg = composed("method=genda", *words)
        return build(cfg.method, build(cfg.source))

    return made


def adaptor_of(g):
    return g.synthesis.b4.conv1.affine.parametrizations.weight[0].adaptor


def moved(g):
    adaptor = adaptor_of(g)
    with torch.no_grad():
        adaptor.scale += 0.3 * torch.randn_like(adaptor.scale)
        adaptor.shift += 0.3 * torch.randn_like(adaptor.shift)
    return adaptor


def test_one_adaptor_and_one_layer_train(made):
    adapter = made()
    moving = [p for p in adapter.g.parameters() if p.requires_grad]
    adaptor = adaptor_of(adapter.g)
    assert {id(p) for p in moving} == {id(adaptor.scale), id(adaptor.shift)}
    assert adapter.trainable_count() == 2 * adapter.g.w_dim
    moving = {name for name, p in adapter.d.named_parameters() if p.requires_grad}
    assert moving == {"b4.out.weight", "b4.out.bias"}


def test_it_begins_as_the_source_but_for_the_classifier(made):
    adapter = made()
    z = torch.randn(2, adapter.g.z_dim)
    assert torch.equal(adapter.sample(z), adapter.source.g(z))
    own, theirs = adapter.d.state_dict(), adapter.source.d.state_dict()
    new = {k for k in own if not torch.equal(own[k], theirs[k])}
    assert "b4.out.weight" in new <= {"b4.out.weight", "b4.out.bias"}
    assert torch.equal(own["b4.out.weight"], made("seed=0").d.b4.out.weight)
    assert not torch.equal(own["b4.out.weight"], made("seed=1").d.b4.out.weight)


def test_the_generator_shows_adapted_styles(made):
    g = made().g.double()
    source = made().source.g.double()
    ws = torch.randn(2, g.num_ws, g.w_dim, dtype=torch.float64)
    adaptor = moved(g)
    wanted = source.synthesis(ws * adaptor.scale + adaptor.shift)
    torch.testing.assert_close(g.synthesis(ws), wanted)


def test_the_average_has_one_adaptor_too(made):
    adapter = made("method.ema.half_life_kimg=0")
    adaptor = moved(adapter.g)
    adapter.ema.update(adapter.g, 4)
    assert torch.equal(adaptor_of(adapter.ema.model).shift, adaptor.shift)
    assert adapter.ema.model.synthesis.b64.torgb.affine.parametrizations.bias[0].adaptor is (
        adaptor_of(adapter.ema.model)
    )


def test_what_was_exported_is_plain_and_makes_the_same_pictures_read_back(made):
    adapter, other = made(), made()
    moved(adapter.ema.model)
    exported = adapter.export()
    assert exported["g_ema"].state_dict().keys() == adapter.source.g.state_dict().keys()
    other.recall(exported)
    z = torch.randn(2, adapter.g.z_dim)
    assert torch.equal(other.sample(z), adapter.sample(z))
    assert not torch.equal(other.sample(z), adapter.source.g(z))


@pytest.mark.parametrize("diversity", [0.0, 0.25, 1.0])
def test_styles_of_training_are_drawn_to_the_average_and_others_are_not(made, diversity):
    adapter = made("method.mixing_prob=0", f"method.diversity={diversity}")
    z = torch.randn(3, adapter.g.z_dim)
    ws, average = adapter.g.mapping(z), adapter.g.mapping.w_avg
    torch.testing.assert_close(adapter.ws(adapter.g, z), average + diversity * (ws - average))
    assert torch.equal(adapter.latents(z), ws)
