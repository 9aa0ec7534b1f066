"""The contract, once for every yaml in conf/method."""

import copy

import lightning as L
import pytest
import torch
from omegaconf import OmegaConf
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.harness.config.build import build
from benchmarks.harness.config.validation import choices_of, flat
from core import weights

METHODS = choices_of("method")
BATCH, STEPS = 4, 3
SHOTS, SIDE = 3, 64
FITTED = {}


class Shots(L.LightningDataModule):
    """Random pictures with a domain's interface, as far as training needs it."""

    def __init__(self, shots: int, resolution: int) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(7)
        self.shots = torch.rand(shots, 3, resolution, resolution, generator=rng) * 2 - 1
        self.known = torch.randn(shots, 5, generator=rng)

    def normals(self, ids):
        return self.known[ids]

    def train_dataloader(self):
        ids = torch.arange(STEPS * BATCH) % len(self.shots)
        return DataLoader(TensorDataset(self.shots[ids], ids), batch_size=BATCH)


def invert(g, photos):
    """Styles of photos without any search."""
    return g.mapping(photos.flatten(1)[:, : g.z_dim])


def shortened(cfg):
    """The configuration with less of what takes long and begins late."""
    for key, value in flat(cfg).items():
        if (
            key.startswith("method.")
            and key.endswith(("_from", "_images", "_steps", "_until"))
            and value
        ):
            OmegaConf.update(cfg, key, STEPS * BATCH // 2)
    return cfg


def fit(composed, method, shots=SHOTS, side=SIDE):
    """An adapter after a short training, and the weights of it and of its source before."""
    words = [f"method={method}", f"method.batch_size={BATCH}"]
    if side > SIDE:
        words += [f"source.resolution={side}", f"+source.channels.{side}=8"]
    cfg = shortened(composed(*words))
    L.seed_everything(0, workers=True, verbose=False)
    source = build(cfg.source)
    source.inverter = invert
    before = copy.deepcopy(source.state_dict())
    adapter = build(cfg.method, source)
    start = {k: v.clone() for k, v in adapter.state_dict().items()}
    domain = Shots(shots, side)
    adapter.prepare(domain.shots)
    build(cfg.machine.trainer, callbacks=[], logger=False).fit(adapter, datamodule=domain)
    return adapter.eval(), start, before


def fitted(composed, method):
    """The same for all tests that only look at it."""
    if method not in FITTED:
        FITTED[method] = fit(composed, method)
    return FITTED[method]


@pytest.fixture(params=METHODS)
def method(request):
    return request.param


def test_exactly_the_trainable_parameters_move(composed, method):
    adapter, start, _ = fitted(composed, method)
    for name, parameter in adapter.named_parameters():
        if name.startswith(("source.", "ema.")):
            continue
        moved = not torch.equal(parameter, start[name])
        assert moved == (name in trained_names(adapter)), name


def trained_names(adapter):
    held = {id(p) for o in adapter.trainer.optimizers for g in o.param_groups for p in g["params"]}
    return {name for name, p in adapter.named_parameters() if id(p) in held and p.requires_grad}


def test_the_source_is_bit_identical_after_the_run(composed, method):
    adapter, _, before = fitted(composed, method)
    for key, value in adapter.source.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_a_sample_does_not_depend_on_its_neighbours(composed, method):
    adapter, _, _ = fitted(composed, method)
    z = torch.randn(4, adapter.source.g.z_dim, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        together = adapter.sample(z)
        alone = torch.cat([adapter.sample(z[i : i + 1]) for i in range(4)])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


def test_rendered_pictures_have_the_sources_shape(composed, method):
    adapter, _, _ = fitted(composed, method)
    ws = adapter.source.g.mapping(torch.randn(2, adapter.source.g.z_dim))
    pictures = adapter.render(ws)
    assert pictures.shape == (2, 3, adapter.source.resolution, adapter.source.resolution)
    assert torch.isfinite(pictures).all()


def test_the_same_seed_gives_the_same_weights(composed, method):
    first, _, _ = fitted(composed, method)
    second, _, _ = fit(composed, method)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_clock_counts_images(composed, method):
    adapter, _, _ = fitted(composed, method)
    assert int(adapter.images_seen) == STEPS * BATCH


def test_what_is_written_at_the_end_is_read_back_as_it_is(composed, method, tmp_path):
    adapter, _, _ = fitted(composed, method)
    made = adapter.export()
    weights.write(tmp_path / "made.safetensors", made, {})
    read, _ = weights.read(tmp_path / "made.safetensors")
    assert read.keys() == made.keys()
    for name, network in made.items():
        for key, value in network.state_dict().items():
            assert torch.equal(read[name].state_dict()[key], value), (name, key)


def stylised(adapter):
    photos = torch.rand(2, 3, adapter.source.resolution, adapter.source.resolution) * 2 - 1
    with torch.no_grad():
        return adapter.stylise(photos)


def test_stylised_photos_keep_shape_and_range(composed, method):
    adapter, _, _ = fitted(composed, method)
    pictures = stylised(adapter)
    assert pictures.shape == (2, 3, SIDE, SIDE)
    assert pictures.dtype == torch.float32
    # Nominally within [-1, 1]: bytes or shares would lie elsewhere.
    assert -10 < pictures.min() < -0.05
    assert 0.05 < pictures.max() < 10


@pytest.mark.parametrize(("shots", "side"), [(1, 64), (10, 128)])
def test_one_shot_and_ten_at_64_and_128_px(composed, method, shots, side):
    adapter, start, _ = fit(composed, method, shots, side)
    assert stylised(adapter).shape == (2, 3, side, side)
    assert adapter.images_seen == STEPS * BATCH
    assert any(not torch.equal(p, start[n]) for n, p in adapter.named_parameters())
    assert all(p.isfinite().all() for p in adapter.parameters())
