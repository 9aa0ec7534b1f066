import pytest
import torch
import torch.nn.functional as F

from adapters.adversarial import Batch
from benchmarks.harness.config.build import build
from core.errors import UserError
from core.losses.cross_domain import Consistency, ConsistencyReleased, log_likeness
from core.networks.activations import record_activations
from core.networks.discriminator import Discriminator
from core.networks.patch_discriminator import ActivatedHead, Head, PatchHeads, tapped, taps


def made(composed, *words, shots=3):
    cfg = composed(*words)
    source = build(cfg.source)
    with torch.no_grad():
        for g in (source.g, source.raw):
            for name, p in g.named_parameters():
                if name.endswith("noise_strength"):
                    p.fill_(0.5)
    adapter = build(cfg.method, source)
    adapter.prepare(torch.zeros(shots, 3, 64, 64))
    return adapter


def batch(step=0):
    return Batch(torch.zeros(4, 3, 64, 64), torch.arange(4), step)


def narrow(resolution, channels=3):
    table = {4 << i: channels for i in range(resolution.bit_length() - 2)}
    return Discriminator(img_resolution=resolution, channels=table)


def maps(seed, samples=4):
    rng = torch.Generator().manual_seed(seed)
    shapes = [(5, 4, 4), (4, 8, 8), (3, 8, 8)]
    return [torch.randn(samples, *s, generator=rng, dtype=torch.float64) for s in shapes]


def rows(features):
    """The definition, one pair at a time."""
    n = len(features)
    cosines = [
        [F.cosine_similarity(features[i].flatten(), features[j].flatten(), 0) for j in range(n)]
        for i in range(n)
    ]
    return torch.stack(
        [torch.softmax(torch.stack(c[:i] + c[i + 1 :]), 0) for i, c in enumerate(cosines)]
    )


def test_likeness_is_a_softmax_of_cosines_to_the_others():
    features = maps(0)[1]
    torch.testing.assert_close(log_likeness(features).exp(), rows(features))


def test_the_papers_divergence_is_from_the_source_to_the_target_summed_over_layers():
    ours, theirs, rng = maps(1), maps(2), torch.Generator()
    total = sum(
        F.kl_div(rows(s).log(), rows(t), reduction="sum")
        for t, s in zip(ours[1:], theirs[1:], strict=True)
    )
    found = Consistency(weight=7.0)(ours, theirs, rng)
    torch.testing.assert_close(found, 7 * total)
    ours[0] = ours[0] + 1  # the map at 4 px has no part in it
    torch.testing.assert_close(Consistency(weight=7.0)(ours, theirs, rng), found)


def test_the_released_divergence_is_the_other_way_in_one_layer_a_sample():
    ours, theirs, layers = maps(1), maps(2), [1, 2, 2, 1]
    p, q = (
        torch.stack([rows(m[layer])[i] for i, layer in enumerate(layers)]) for m in (theirs, ours)
    )
    found = ConsistencyReleased(weight=7.0).at(ours, theirs, layers)
    torch.testing.assert_close(found, 7 * F.kl_div(q.log(), p, reduction="mean"))


def test_the_released_layers_are_all_drawn_but_the_first():
    class Noted(ConsistencyReleased):
        def at(self, ours, theirs, layers):
            self.layers = layers
            return super().at(ours, theirs, layers)

    loss, rng, drawn = Noted(weight=1.0), torch.Generator().manual_seed(0), set()
    for _ in range(20):
        loss(maps(1), maps(2), rng)
        assert len(loss.layers) == 4
        drawn |= set(loss.layers)
    assert drawn == {1, 2}


@pytest.mark.parametrize("kind", [Consistency, ConsistencyReleased])
def test_only_the_target_is_pulled(kind):
    ours, theirs = ([m.requires_grad_() for m in maps(seed)] for seed in (1, 2))
    kind(weight=1.0)(ours, theirs, torch.Generator().manual_seed(0)).backward()
    assert all(m.grad is None for m in theirs)
    assert any(m.grad is not None and m.grad.any() for m in ours)


def test_a_trainee_that_is_the_source_pays_nothing(composed):
    adapter = made(composed, "method=cdc")
    for _ in range(4):  # with and without mixing, with noise
        assert abs(adapter.g_terms(batch())["distance"].item()) < 1e-4
    with torch.no_grad():
        adapter.g.synthesis.b16.conv0.weight.add_(0.5)
    assert adapter.g_terms(batch())["distance"].item() > 1e-2


def test_the_released_networks_see_noise_of_their_own(composed):
    adapter = made(composed, "method=cdc_released")
    assert adapter.g_terms(batch())["distance"].item() > 1e-3


def test_the_free_fakes_are_those_of_plain_transfer(composed):
    adapter = made(composed, "method=cdc")
    start = adapter.rng.get_state()
    fakes, ours, theirs = adapter.paired_features(4)
    adapter.rng.set_state(start)
    expected = adapter.fakes(batch())
    assert torch.equal(fakes, expected)
    assert [m.shape for m in ours] == [m.shape for m in theirs]


def test_a_pass_is_recorded_layer_by_layer_and_no_longer(composed):
    g = build(composed("method=cdc").source).g
    names = g.synthesis.noise_names
    with record_activations(g.synthesis, names) as found:
        trace = g.synthesis.trace(g.mapping(torch.randn(2, 16)))
    assert list(found) == names
    assert [m.shape[-1] for m in found.values()] == [4, 8, 8, 16, 16, 32, 32, 64, 64]
    assert torch.equal(found["b16.conv1"], trace.features[16])
    g(torch.randn(2, 16))
    assert torch.equal(found["b16.conv1"], trace.features[16])


@pytest.mark.parametrize("resolution", [64, 128, 256, 512, 1024])
def test_taps_are_where_their_logits_have_the_same_number_at_every_resolution(resolution):
    d = narrow(resolution)
    heads = PatchHeads(d, sides=[32, 16], count=4)
    found = heads(d, torch.randn(1, 3, resolution, resolution), range(4))
    assert [tuple(f.shape) for f in found] == [(1, 1, s, s) for s in (32, 32, 16, 16)]
    assert [t.layer for t in heads.taps] == ["conv1", "conv0", "conv1", "conv0"]


@pytest.mark.parametrize(
    ("resolution", "sides"),
    [(256, [66, 82, 138, 170]), (64, [12, 16, 30, 38])],
)
def test_a_logit_sees_a_patch(resolution, sides):
    """The published taps at 256 px see 66 to 170 px, as was measured in the public code."""
    torch.manual_seed(0)
    d = narrow(resolution).double()
    heads = PatchHeads(d, sides=[32, 16], count=4).double()
    images = torch.randn(1, 3, resolution, resolution, dtype=torch.float64, requires_grad=True)
    for logits, side in zip(heads(d, images, range(4)), sides, strict=True):
        middle = logits.shape[-1] // 2
        (slope,) = torch.autograd.grad(logits[0, 0, middle, middle], images, retain_graph=True)
        seen = slope.abs().sum((0, 1)).nonzero()
        reach = seen.max(0).values - seen.min(0).values + 1
        assert reach.tolist() == [side, side]


def test_a_patch_teaches_what_lies_before_its_tap():
    d = narrow(64)
    heads = PatchHeads(d, sides=[32], count=1)
    assert heads.taps == [(64, "conv1", 32)]
    (found,) = heads(d, torch.randn(2, 3, 64, 64), [0])
    found.sum().backward()
    taught = {name for name, p in d.named_parameters() if p.grad is not None}
    assert {name.rpartition(".")[0] for name in taught} == {"b64.fromrgb", "b64.conv0", "b64.conv1"}


def test_a_tap_of_a_block_is_its_branch_before_the_join():
    d = narrow(32)
    x = torch.randn(2, 3, 32, 32)
    with record_activations(d, ["b32.conv1"]) as seen:
        d(x)
    (found,) = tapped(seen, taps(d, [16])[:1])
    entered = d.b32.fromrgb(x)
    joined = d.b32(entered) - d.b32.skip(d.b32.skip_blur(entered))
    torch.testing.assert_close(found, joined * 2**0.5)


def test_one_pass_gives_the_logits_of_pictures_and_of_patches():
    d, x = narrow(64), torch.randn(4, 3, 64, 64)
    heads = PatchHeads(d, sides=[16, 32], count=4)
    logits, maps = heads.beside(d, x)
    assert torch.equal(logits, d(x))
    for i, found in enumerate(maps):
        assert torch.equal(found, heads(d, x, [i])[0])
    with record_activations(d, ["b32.conv0"]) as beyond:
        heads(d, x, [2])  # the branch of the first block, so that no other is computed
    assert heads.taps[2] == (64, "conv1", 32)
    assert not beyond


def test_the_released_head_is_the_rectified_one():
    plain, released, x = Head(3), ActivatedHead(3), torch.randn(2, 3, 8, 8)
    released.load_state_dict(plain.state_dict())
    logits = plain(x)
    assert logits.min() < 0 < logits.max()
    expected = torch.where(logits > 0, logits, 0.2 * logits) * 2**0.5
    torch.testing.assert_close(released(x), expected)


@pytest.mark.parametrize(
    ("words", "said"),
    [(("method.heads.sides=[48]",), "method.heads.sides"), (("method.heads.count=0",), "count=0")],
)
def test_maps_that_the_discriminator_lacks_are_refused(composed, words, said):
    with pytest.raises(UserError, match=said):
        made(composed, "method=cdc", *words)


def test_anchor_fakes_are_of_the_anchors_and_never_mixed(composed):
    adapter = made(composed, "method=cdc", "method.anchor_sigma=0", "method.mixing_prob=1", shots=3)
    with torch.no_grad():
        for name, p in adapter.g.named_parameters():
            if name.endswith("noise_strength"):
                p.zero_()
    assert adapter.anchors.shape == (3, 16)
    pictures = adapter.g(adapter.anchors, noise_mode="none")
    shown = adapter.anchor_fakes(16).flatten(1)
    nearest = (shown[:, None] - pictures.flatten(1)).norm(dim=2).min(1)
    assert nearest.values.max() < 1e-3
    assert set(nearest.indices.tolist()) == {0, 1, 2}


def touched(adapter, loss):
    adapter.zero_grad()
    loss.backward()
    return {n for n, p in adapter.named_parameters() if p.grad is not None and p.grad.any()}


def judged_by(names):
    """Which branches of the discriminator had a part: whole pictures, patches."""
    return any(n.startswith("d.b4.") for n in names), any(n.startswith("heads.") for n in names)


def test_both_branches_judge_every_step_and_have_r1(composed):
    adapter, reals = made(composed, "method=cdc"), torch.randn(4, 3, 64, 64)
    ids = torch.arange(4)
    for step in (0, 1):
        names = touched(adapter, adapter.d_loss(Batch(reals, ids, step))[0])
        assert judged_by(names) == (True, True)
        assert {n.split(".")[2] for n in names if n.startswith("heads.")} == {"0", "1", "2", "3"}
        assert judged_by(touched(adapter, adapter.d_penalty(Batch(reals, ids, step)))) == (
            True,
            True,
        )


def test_the_released_branches_take_turns(composed):
    adapter, reals = made(composed, "method=cdc_released"), torch.randn(4, 3, 64, 64)
    assert len(adapter.heads.taps) == 1
    ids = torch.arange(4)
    turns = [
        judged_by(touched(adapter, adapter.d_loss(Batch(reals, ids, step))[0])) for step in range(5)
    ]
    assert turns == [(True, False), *[(False, True)] * 3, (True, False)]
    due = [step for step in range(160) if adapter.r1.due(step)]
    assert len(due) == 10
    assert all(adapter.is_image_step(step) for step in due)  # so patches are never regularised
    assert judged_by(touched(adapter, adapter.d_penalty(Batch(reals, ids, 0)))) == (True, False)


def test_the_released_training_starts_from_the_last_weights(composed):
    cfg = composed("method=cdc_released")
    source = build(cfg.source)
    with torch.no_grad():
        source.raw.synthesis.b4.const.add_(1)
    adapter = build(cfg.method, source)
    assert torch.equal(adapter.g.synthesis.b4.const, source.raw.synthesis.b4.const)
    assert torch.equal(adapter.eval_generator().synthesis.b4.const, source.g.synthesis.b4.const)
