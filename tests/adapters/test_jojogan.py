import lightning as L
import pytest
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

from adapters.jojogan import (
    ColourPreservingRows,
    IdentityTerm,
    StyleRows,
    discriminator_features,
    feature_l1,
    mix_codes,
    sides_of,
)
from benchmarks.harness.config.build import build
from core.errors import UserError


class Colours:
    """Knows people by their mean colours."""

    def identity(self, images):
        return F.normalize(images.mean((2, 3)))


def invert(g, photos):
    """Styles of photos without any search."""
    return g.mapping(photos.flatten(1)[:, : g.z_dim])


def made(composed, *words, shots=2):
    cfg = composed(*words)
    source = build(cfg.source)
    source.inverter = invert
    with torch.no_grad():
        for name, p in source.g.named_parameters():
            if name.endswith("noise_strength"):
                p.fill_(0.5)
    adapter = build(cfg.method, source)
    rng = torch.Generator().manual_seed(3)
    adapter.prepare(torch.rand(shots, 3, 64, 64, generator=rng) * 2 - 1)
    return adapter


@pytest.mark.parametrize(
    ("row", "count", "rows"),
    [
        (7, 18, [9, 11, 15, 16, 17]),  # the public code's
        (7, 16, [9, 11, 13, 14, 15]),
        (7, 14, [9, 11, 12, 13]),
        (7, 12, [9, 10, 11]),
        (7, 10, [9]),
        (3, 10, [5, 7, 8, 9]),
        (3, 12, [5, 7, 9, 10, 11]),
    ],
)
def test_few_rows_are_exchanged_where_colours_are_kept(row, count, rows):
    assert ColourPreservingRows(row=row).of(count) == rows
    assert set(rows) < set(StyleRows(row=row).of(count)) == set(range(row, count))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("method.rows.row=10",), "leaves no row of 10"),
        (("method.halvings=[5]",), "leaves nothing of 64 px"),
        (("method.alpha=1.5",), "method.alpha=1.5"),
    ],
)
def test_what_cannot_be_meant_is_refused(composed, words, said):
    with pytest.raises(UserError, match=said):
        made(composed, "method=jojogan", *words)


def test_alpha_is_the_strength_of_the_style():
    codes, w, rows = torch.randn(2, 10, 4), torch.randn(2, 4), [3, 5]
    rest = [i for i in range(10) if i not in rows]
    for alpha in (0.0, 0.25, 1.0):
        mixed = mix_codes(codes, w, rows, alpha)
        assert torch.equal(mixed[:, rest], codes[:, rest])
        torch.testing.assert_close(
            mixed[:, rows], torch.lerp(codes[:, rows], w[:, None].expand(-1, 2, -1), alpha)
        )


def test_features_are_compared_at_shares_of_the_pictures_side():
    assert sides_of(1024, [1, 3, 4, 5]) == [512, 128, 64, 32]
    assert sides_of(64, [1, 3, 4, 5]) == [32, 8, 4]


def test_the_features_are_those_that_the_discriminator_computes(composed):
    d = build(composed("method=jojogan").source).d
    images = torch.randn(2, 3, 64, 64)
    found, everything = discriminator_features(d, images, [32, 8]), d.features(images)[1]
    assert sorted(found) == [8, 32]
    assert all(torch.equal(found[r], everything[r]) for r in found)


def test_the_distance_is_a_mean_over_sides_of_mean_differences():
    ours = {8: torch.zeros(2, 3, 8, 8), 4: torch.zeros(2, 5, 4, 4)}
    theirs = {8: torch.full((2, 3, 8, 8), -1.0), 4: torch.full((2, 5, 4, 4), 3.0)}
    assert feature_l1(ours, theirs).item() == 2
    assert feature_l1(ours, ours).item() == 0


def test_identity_is_one_minus_the_cosine():
    loss = IdentityTerm(weight=3.0, network=Colours())
    red, green = (torch.zeros(1, 3, 4, 4) for _ in range(2))
    red[:, 0], green[:, 1] = 1, 1
    assert loss(red, lambda: red).item() == pytest.approx(0)
    assert loss(red, lambda: green).item() == pytest.approx(3)
    assert loss(red, lambda: red + green).item() == pytest.approx(3 * (1 - 0.5**0.5))


def trained(adapter, steps, batch=4):
    """The adapter after some steps on its references, one after the other."""
    ids = torch.arange(steps * batch) % len(adapter.codes)
    loader = DataLoader(TensorDataset(torch.zeros(len(ids), 1), ids), batch_size=batch)
    L.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(adapter, loader)
    return adapter.eval()


def test_an_untrained_network_keeps_identity_and_draws_nothing_for_it(composed):
    plain = made(composed, "method=jojogan_released", "method.rows.row=5")
    known = made(composed, "method=jojogan", "method.halvings=[1,3,4,5]")
    first, second = trained(plain, 1).terms, trained(known, 1).terms
    assert second["identity"].item() == pytest.approx(0, abs=1e-5)  # same codes, same noise
    assert first["style"].item() == second["style"].item() > 0
    assert torch.equal(plain.rng.get_state(), known.rng.get_state())


@pytest.mark.parametrize(
    "method", [pytest.param("jojogan", marks=pytest.mark.exhaustive), "jojogan_released"]
)
def test_every_face_takes_the_colours_of_the_one_reference(composed, method):
    adapter = made(composed, f"method={method}", "method.lr=0.006", shots=1)
    colour = torch.tensor([0.8, -0.6, 0.1])[:, None, None]
    adapter.prepare(colour.expand(1, 3, 64, 64).contiguous())
    z = torch.randn(16, 16, generator=torch.Generator().manual_seed(1))

    def away():
        with torch.no_grad():
            return (adapter.sample(z) - colour).mean((2, 3)).norm(dim=1).mean().item()

    before = away()
    trained(adapter, 60)
    assert away() < before / 2


def test_each_reference_has_its_own_code_and_features(composed):
    adapter = made(composed, "method=jojogan", shots=3)
    assert adapter.codes.shape == (3, 10, 16)
    assert not torch.equal(adapter.codes[0], adapter.codes[1])
    shown = [getattr(adapter, f"features{side}") for side in adapter.sides]
    assert [tuple(x.shape[::2]) for x in shown] == [(3, s) for s in adapter.sides]
    assert not any(key.startswith(("codes", "features")) for key in adapter.state_dict())


def test_the_mapping_network_is_not_counted(composed):
    adapter = made(composed, "method=jojogan")
    assert adapter.trainable_count() == sum(p.numel() for p in adapter.g.synthesis.parameters())
    assert adapter.latents(torch.zeros(1, 16)).shape == (1, 10, 16)
