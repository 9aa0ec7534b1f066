"""AgileGAN's latents by row, its distance from the source's pictures, and what trains."""

import pytest
import torch

from adapters.adversarial import Batch
from benchmarks.harness.config.build import build

REALS = torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture
def made(composed):
    def made(*words):
        cfg = composed("method=agilegan", *words)
        return build(cfg.method, build(cfg.source))

    return made


def test_every_row_is_of_a_latent_of_its_own_in_training_and_of_one_in_evaluation(made):
    adapter = made()
    rng = torch.Generator().manual_seed(5)  # no seed of a run, whose numbers the rows would share
    z = torch.randn(3, adapter.g.z_dim, generator=rng)
    ws, own = adapter.ws(adapter.g, z), adapter.g.mapping(z)
    torch.testing.assert_close(ws[:, 0], own[:, 0])
    flat = ws.flatten(0, 1)
    assert len(flat.unique(dim=0)) == len(flat)
    assert not (ws[:, 1:] == own[:, 1:]).all(2).any()
    assert not torch.equal(adapter.ws(adapter.g, z)[:, 1:], ws[:, 1:])
    assert torch.equal(adapter.latents(z), own)


def test_a_picture_is_compared_with_the_sources_of_the_same_rows_and_noise(made):
    adapter = made("method.similarity=2")
    batch = Batch(REALS, torch.arange(4), 0)
    assert adapter.g_terms(batch)["similarity"] == 0
    with torch.no_grad():
        adapter.g.synthesis.b64.torgb.bias += 0.2
        seen = {}
        adapter.perceptual = Seen(adapter.perceptual, seen)
        term = adapter.g_terms(batch)["similarity"]
    theirs, ours = seen["images"]
    torch.testing.assert_close(ours - theirs, torch.full_like(ours, 0.2))
    apart = adapter.perceptual.inner(ours, theirs).mean()
    assert term == pytest.approx(2 * apart.item(), rel=1e-4)


class Seen:
    """A guide that remembers what it is shown."""

    def __init__(self, inner, seen) -> None:
        self.inner, self.seen = inner, seen

    def embed(self, images):
        self.seen.setdefault("images", []).append(images.clone())
        return self.inner.embed(images)


def test_the_distance_moves_the_generator_and_no_other_network(made):
    adapter = made()
    with torch.no_grad():
        adapter.g.synthesis.b64.torgb.bias += 0.2
    adapter.g_terms(Batch(REALS, torch.arange(4), 0))["similarity"].backward()
    assert adapter.g.synthesis.b4.conv1.weight.grad.abs().max() > 0
    assert all(p.grad is None for p in (*adapter.d.parameters(), *adapter.source.parameters()))


@pytest.mark.parametrize(
    ("blocks", "frozen"), [(5, set()), (3, {"b64"}), (1, {"b64", "b32", "b16"})]
)
def test_the_discriminators_lowest_blocks_train(made, blocks, frozen):
    adapter = made(f"method.trained_blocks={blocks}")
    still = {n.split(".")[0] for n, p in adapter.d.named_parameters() if not p.requires_grad}
    moving = {n.split(".")[0] for n, p in adapter.d.named_parameters() if p.requires_grad}
    assert still == frozen
    assert moving == {"b64", "b32", "b16", "b8", "b4"} - frozen
    moving = {n.split(".")[0] for n, p in adapter.g.named_parameters() if p.requires_grad}
    assert moving == {"synthesis"}
