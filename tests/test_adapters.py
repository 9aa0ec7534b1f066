"""The contract, once for every yaml in conf/method."""

import pytest
import torch

from core import weights
from tests.helpers.contract import BATCH, SIDE, STEPS, Pair, fit, methods, trained

FITTED = {}
OF_ONE_PROCESS = {"encoder", "encoder_zplus"}
"""Their trunk normalises over the pictures that one process holds."""


def fitted(folder, method):
    """The same for all tests that only look at it."""
    if method not in FITTED:
        FITTED[method] = fit(folder, method)
    return FITTED[method]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two processes for all methods."""
    made = Pair(tmp_path_factory.mktemp("pair"))
    yield made
    made.end()


@pytest.fixture(params=methods())
def method(request):
    return request.param


def test_exactly_the_trainable_parameters_move(tmp_path, method):
    adapter, start, _ = fitted(tmp_path, method)
    assert adapter.paper
    assert adapter.trainable_count() > 0
    for name, parameter in adapter.named_parameters():
        if name.startswith(("source.", "ema.")):
            continue
        moved = not torch.equal(parameter, start[name])
        assert moved == (name in trained_names(adapter)), name


def trained_names(adapter):
    held = {id(p) for o in adapter.trainer.optimizers for g in o.param_groups for p in g["params"]}
    return {name for name, p in adapter.named_parameters() if id(p) in held and p.requires_grad}


def test_the_source_is_bit_identical_after_the_run(tmp_path, method):
    adapter, _, before = fitted(tmp_path, method)
    for key, value in adapter.source.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_a_sample_does_not_depend_on_its_neighbours(tmp_path, method):
    adapter, _, _ = fitted(tmp_path, method)
    z = torch.randn(4, adapter.source.g.z_dim, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        together = adapter.sample(z)
        alone = torch.cat([adapter.sample(z[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


def test_rendered_pictures_have_the_sources_shape(tmp_path, method):
    adapter, _, _ = fitted(tmp_path, method)
    ws = adapter.source.g.mapping(torch.randn(2, adapter.source.g.z_dim))
    pictures = adapter.render(ws)
    assert pictures.shape == (2, 3, adapter.source.resolution, adapter.source.resolution)
    assert torch.isfinite(pictures).all()


def test_the_clock_counts_images(tmp_path, method):
    adapter, _, _ = fitted(tmp_path, method)
    assert int(adapter.images_seen) == STEPS * BATCH


def test_what_is_written_at_the_end_is_read_back_as_it_is(tmp_path, method):
    adapter, _, _ = fitted(tmp_path, method)
    made = adapter.export()
    weights.write(tmp_path / "made.safetensors", made, {})
    read, _ = weights.read(tmp_path / "made.safetensors")
    assert read.keys() == made.keys()
    for name, network in made.items():
        for key, value in network.state_dict().items():
            assert torch.equal(read[name].state_dict()[key], value), (name, key)


@pytest.mark.parametrize("method", methods("dualstylegan"))  # 20 s
def test_two_processes_have_the_weights_of_one_with_the_whole_batch(tmp_path, method, pair):
    if method in OF_ONE_PROCESS:
        pytest.skip("trains in one process")
    adapter, _, _ = fitted(tmp_path, method)
    one = trained(adapter)
    first, second = pair.fit(method)
    assert all(torch.equal(first[name], second[name]) for name in first)
    apart = torch.cat([(first[name] - one[name]).abs().flatten() for name in one])
    # Adam takes a whole step, 0.002, for any gradient: of those that are next to nothing, the order
    # of a sum decides, most of all of the first distances of CDC, between equal networks: 3e-5 on
    # average, elsewhere below 1e-6. A pairwise loss that forgets to gather has 1e-3.
    assert apart.mean() < 1e-4
    assert apart.max() < 2e-2


def stylised(adapter):
    photos = torch.rand(2, 3, adapter.source.resolution, adapter.source.resolution) * 2 - 1
    with torch.no_grad():
        return adapter.stylise(photos)


def test_stylised_photos_keep_shape_and_range(tmp_path, method):
    adapter, _, _ = fitted(tmp_path, method)
    pictures = stylised(adapter)
    assert pictures.shape == (2, 3, SIDE, SIDE)
    assert pictures.dtype == torch.float32
    # Nominally within [-1, 1]: bytes or shares would lie elsewhere.
    assert -10 < pictures.min() < -0.05
    assert 0.05 < pictures.max() < 10


@pytest.mark.parametrize("method", methods("dualstylegan"))
def test_one_shot_at_128_px(tmp_path, method):
    adapter, start, _ = fit(tmp_path, method, 1, 2 * SIDE)
    assert stylised(adapter).shape == (2, 3, 2 * SIDE, 2 * SIDE)
    assert adapter.images_seen == STEPS * BATCH
    assert any(not torch.equal(p, start[n]) for n, p in adapter.named_parameters())
    assert all(p.isfinite().all() for p in adapter.parameters())
