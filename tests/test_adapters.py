"""The contract, once for every yaml in conf/method."""

import copy

import lightning as L
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.run import build
from benchmarks.settings import choices_of

METHODS = choices_of("method")
SHOTS, BATCH, STEPS = 3, 4, 3


class ThreeShots(L.LightningDataModule):
    """Random pictures with a domain's interface, as far as training needs it."""

    def __init__(self, resolution: int) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(7)
        self.shots = torch.rand(SHOTS, 3, resolution, resolution, generator=rng) * 2 - 1
        self.known = torch.randn(SHOTS, 5, generator=rng)

    def normals(self, ids):
        return self.known[ids]

    def train_dataloader(self):
        ids = torch.arange(STEPS * BATCH) % SHOTS
        return DataLoader(TensorDataset(self.shots[ids], ids), batch_size=BATCH)


def fitted(composed, method, *words):
    cfg = composed(f"method={method}", f"method.batch_size={BATCH}", *words)
    L.seed_everything(0, workers=True, verbose=False)
    source = build(cfg.source)
    before = copy.deepcopy(source.state_dict())
    adapter = build(cfg.method, source)
    start = {k: v.clone() for k, v in adapter.state_dict().items()}
    domain = ThreeShots(source.resolution)
    adapter.prepare(domain.shots)
    build(cfg.machine.trainer, callbacks=[], logger=False).fit(adapter, datamodule=domain)
    return adapter.eval(), start, before


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
    second, _, _ = fitted(composed, method)
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_clock_counts_images(composed, method):
    adapter, _, _ = fitted(composed, method)
    assert int(adapter.images_seen) == STEPS * BATCH
