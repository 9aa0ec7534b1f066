"""Whole files in the published layouts: every network, the average style, and nothing executed."""

import os

import pytest
import torch

from core import weights
from core.convert import CheckpointError, load, save, to_state_dict
from core.errors import UserError
from core.networks.dualstylegan import DualStyleGAN
from core.networks.exemplars import Exemplars
from tests.golden import cases, formula
from tests.helpers import checkpoints

GOLDEN = {
    "z_dim": 64,
    "w_dim": 64,
    "img_resolution": 32,
    "channels": cases.NVIDIA_32,
    "mapping_layers": 8,
    "conv_clamp": None,
}


def equal(ours, theirs):
    assert ours.config == theirs.config
    for (name, a), (same, b) in zip(
        ours.state_dict().items(), theirs.state_dict().items(), strict=True
    ):
        assert name == same
        assert torch.equal(a, b), name


def same_trees(first, second):
    assert set(first) == set(second)
    for name, value in first.items():
        if isinstance(value, dict):
            same_trees(value, second[name])
        else:
            assert torch.equal(value, second[name]), name


@pytest.fixture(autouse=True)
def _nothing_of_a_file_runs():
    assert "CHECKPOINT_RAN" not in os.environ
    yield
    assert "CHECKPOINT_RAN" not in os.environ


@pytest.mark.parametrize("old", [False, True])
def test_a_snapshot_of_rosinality_is_read_whole(tmp_path, old):
    g, d = checkpoints.pair()
    tree = checkpoints.rosinality_tree(g, d)
    found = load(checkpoints.rosinality(tmp_path / "a.pt", tree, old=old))
    assert set(found) == {"g", "g_ema", "d"}
    assert found.notes == {}
    equal(found["g"], g)
    equal(found["d"], d)
    assert torch.equal(found["g_ema"].synthesis.b4.const, g.synthesis.b4.const + 1)
    assert torch.equal(found["g_ema"].mapping.w_avg, g.mapping.w_avg)


@pytest.mark.parametrize("old", [False, True])
def test_rosinality_to_ours_to_rosinality_is_equal_bit_for_bit(tmp_path, old):
    tree = checkpoints.rosinality_tree(*checkpoints.pair())
    start = checkpoints.rosinality(tmp_path / "a.pt", tree, old=old)
    save(tmp_path / "b.safetensors", load(start))
    assert save(tmp_path / "c.pt", load(tmp_path / "b.safetensors"))  # odd channels: said
    end = torch.load(tmp_path / "c.pt", weights_only=True)
    same_trees({name: tree[name] for name in ("g", "g_ema", "d", "latent_avg")}, end)


def test_prefixes_of_data_parallel_training_and_missing_filters_do_not_matter(tmp_path):
    g, d = checkpoints.pair()
    tree = checkpoints.rosinality_tree(g, d)
    for part in ("g", "d", "g_ema"):
        tree[part] = {f"module.{k}": v for k, v in tree[part].items() if not k.endswith("kernel")}
    found = load(checkpoints.rosinality(tmp_path / "a.pt", tree))
    equal(found["g"], g)
    equal(found["d"], d)


def test_missing_noise_maps_are_drawn_once_and_for_all_and_said(tmp_path):
    g, d = checkpoints.pair()
    tree = checkpoints.rosinality_tree(g, d, without=("d", "g_ema"))
    for name in [name for name in tree["g"] if name.startswith("noises.")]:
        del tree["g"][name]
    path = checkpoints.rosinality(tmp_path / "a.pt", tree)
    first, second = load(path), load(path)
    equal(first["g"], second["g"])
    assert first.notes["noise"].startswith("5 noise maps")
    noise = first["g"].synthesis.b16.conv1.noise_const
    assert abs(noise.std() - 1) < 0.2
    assert torch.equal(first["g"].synthesis.b4.const, g.synthesis.b4.const)


def test_a_missing_average_style_is_the_mean_of_many_and_said(tmp_path):
    g, d = checkpoints.pair()
    tree = checkpoints.rosinality_tree(g, d, without=("latent_avg", "g_ema", "d"))
    found = load(checkpoints.rosinality(tmp_path / "a.pt", tree))
    assert "4096" in found.notes["w_avg"]
    styles = g.mapping.style(torch.randn(20_000, 6, generator=torch.Generator().manual_seed(1)))
    limit = 5 * styles.std(dim=0) / 4096**0.5
    assert ((found["g"].mapping.w_avg - styles.mean(dim=0)).abs() < limit).all()


def test_a_bare_state_dict_is_told_by_its_names(tmp_path):
    g, d = checkpoints.pair()
    tree = checkpoints.rosinality_tree(g, d)
    assert set(load(checkpoints.rosinality(tmp_path / "g.pt", tree["g"]))) == {"g_ema"}
    assert set(load(checkpoints.rosinality(tmp_path / "d.pt", tree["d"]))) == {"d"}
    with pytest.raises(CheckpointError, match="none of g_ema, g and d"):
        load(checkpoints.rosinality(tmp_path / "x.pt", {"other": torch.ones(1)}))


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("layers", [2, 8])
def test_a_pickle_of_nvidia_is_read_whole_and_its_source_never_run(tmp_path, layers, protocol):
    g, d = checkpoints.pair(layers=layers, conv_clamp=256, mbstd_group=8)
    found = load(checkpoints.nvidia(tmp_path / "a.pkl", g, d, protocol=protocol))
    assert set(found) == {"g", "g_ema", "d"}
    for name, module in {"g": g, "g_ema": g, "d": d}.items():
        equal(found[name], module)


@pytest.mark.parametrize("written_in", ["layers", "arguments"])
@pytest.mark.parametrize("clamp", [None, 256])
@pytest.mark.parametrize("group", [None, 2])
def test_what_shapes_do_not_tell_is_read_from_layers_or_arguments(
    tmp_path, written_in, clamp, group
):
    g, d = checkpoints.pair(conv_clamp=clamp, mbstd_group=group)
    found = load(checkpoints.nvidia(tmp_path / "a.pkl", g, d, written_in=written_in))
    equal(found["g_ema"], g)
    equal(found["d"], d)


def test_layers_that_freezed_made_buffers_are_read(tmp_path):
    g, d = checkpoints.pair()
    found = load(checkpoints.nvidia(tmp_path / "a.pkl", g, d, frozen=("D",)))
    equal(found["d"], d)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_a_pickle_of_tensorflow_gives_the_same_networks(tmp_path, protocol):
    g, d = checkpoints.pair(layers=8, mbstd_group=8)
    found = load(checkpoints.tensorflow(tmp_path / "a.pkl", g, d, protocol=protocol))
    for name, module in {"g": g, "g_ema": g, "d": d}.items():
        assert found[name].config == module.config
        for (key, a), b in zip(
            found[name].state_dict().items(), module.state_dict().values(), strict=True
        ):
            torch.testing.assert_close(a, b, atol=1e-6, rtol=0, msg=key)  # 1 is added to biases


@torch.no_grad()
def test_nvidia_to_ours_to_rosinality_gives_the_same_picture(tmp_path):
    g, d = checkpoints.pair(layers=8)
    save(tmp_path / "b.safetensors", load(checkpoints.nvidia(tmp_path / "a.pkl", g, d)))
    save(tmp_path / "c.pt", load(tmp_path / "b.safetensors"))
    found = load(tmp_path / "c.pt")
    z = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    images = g(z, truncation_psi=0.5)
    assert torch.equal(found["g_ema"](z, truncation_psi=0.5), images)
    assert torch.equal(found["d"](images), d(images))


@torch.no_grad()
def test_official_pictures_survive_nvidia_to_ours_to_rosinality(tmp_path):
    g = cases.network("nvidia_g", "open/B.nvg.map8", GOLDEN, double=False)
    _, d = checkpoints.pair()
    save(tmp_path / "b.safetensors", load(checkpoints.nvidia(tmp_path / "a.pkl", g, d)))
    save(tmp_path / "c.pt", load(tmp_path / "b.safetensors"))
    found = load(tmp_path / "c.pt")["g_ema"]
    z = torch.tensor(formula.normal("open/B.nvg.map8", "z", [3, 64]))
    cases.check("B.nvg.map8.const", "const", found(z), double=False)
    cases.check("B.nvg.map8.trunc", "trunc", found(z, truncation_psi=0.7), double=False)


def test_what_rosinality_cannot_express_is_said(tmp_path):
    g, d = checkpoints.pair(conv_clamp=256, mbstd_group=8)
    lost = save(tmp_path / "a.pt", {"g_ema": g, "d": d})
    assert any("clamp at 256" in sentence for sentence in lost)
    assert any("groups of 4" in sentence for sentence in lost)
    with pytest.raises(CheckpointError, match="should end in"):
        save(tmp_path / "a.pkl", {"g_ema": g})
    with pytest.raises(CheckpointError, match="no g_ema, g or d"):
        save(tmp_path / "a.pt", {})


def test_our_own_files_keep_networks_and_notes(tmp_path):
    g, d = checkpoints.pair(conv_clamp=256)
    weights.write(tmp_path / "a.safetensors", {"g_ema": g, "d": d}, {"images": "12"})
    found = load(tmp_path / "a.safetensors")
    equal(found["g_ema"], g)
    equal(found["d"], d)
    assert found.notes == {"images": "12"}


def test_networks_that_compute_something_else_are_refused(tmp_path):
    g, d = checkpoints.pair()
    with checkpoints.official_modules():
        tree = checkpoints.nvidia_tree(g, d)
        state = tree["G"].meta["state"]["_modules"]["mapping"].meta["state"]
        state["_modules"]["fc0"].meta["state"]["bias_gain"] = 1.0
        path = tmp_path / "a.pkl"
        path.write_bytes(checkpoints.pickle.dumps(tree))
    with pytest.raises(CheckpointError, match=r"mapping\.fc0 has bias_gain 1\.0"):
        load(path)


def test_a_label_or_a_stylegan3_network_is_refused_in_one_sentence(tmp_path):
    g, d = checkpoints.pair()
    extra = {"mapping.embed.weight": "labels", "synthesis.L0_36_512.weight": "StyleGAN3"}
    for name, word in extra.items():
        with checkpoints.official_modules():
            tree = checkpoints.nvidia_tree(g, d)
            state = {**checkpoints.to_state_dict(g, format="nvidia_g"), name: torch.ones(2, 2)}
            tree["G_ema"] = checkpoints.module(state, {})
            path = tmp_path / "a.pkl"
            path.write_bytes(checkpoints.pickle.dumps(tree))
        with pytest.raises(CheckpointError, match=word):
            load(path)


def dual_pair():
    """A DualStyleGAN around the small generator, with nothing left at its first value."""
    g, d = checkpoints.pair()
    dual = DualStyleGAN.of(g, res_index=2)
    for parameter in dual.parameters():
        parameter.data.add_(
            torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1))
        )
    return dual, d


def test_a_snapshot_of_dualstylegan_is_read_whole_and_written_bit_for_bit(tmp_path):
    dual, d = dual_pair()
    state = to_state_dict(dual, format="dualstylegan")
    tree = checkpoints.rosinality_tree(dual.generator, d)
    tree |= {"g": state, "g_ema": {k: v.clone() for k, v in state.items()}}
    found = load(checkpoints.rosinality(tmp_path / "a.pt", tree))
    assert found.origin.startswith("DualStyleGAN")
    assert set(found) == {"g", "g_ema", "d"}
    equal(found["g_ema"], dual)
    save(tmp_path / "b.safetensors", found)
    save(tmp_path / "c.pt", load(tmp_path / "b.safetensors"))
    end = torch.load(tmp_path / "c.pt", weights_only=True)
    same_trees({name: tree[name] for name in ("g", "g_ema", "d", "latent_avg")}, end)


def test_a_published_style_has_no_average_and_may_be_bare(tmp_path):
    dual, _ = dual_pair()
    state = to_state_dict(dual, format="dualstylegan")
    trees = {"style": {"g_ema": state}, "bare": state}
    for name, tree in trees.items():
        found = load(checkpoints.rosinality(tmp_path / f"{name}.pt", tree))
        assert set(found) == {"g_ema"}
        assert "4096" in found.notes["w_avg"]
        read = found["g_ema"]
        assert torch.equal(read.residuals[0].conv.weight, dual.residuals[0].conv.weight)
        assert read.generator.mapping.w_avg.abs().max() > 0


def test_what_a_run_of_dualstylegan_keeps_beside_it_is_said_to_be_lost(tmp_path):
    dual, d = dual_pair()
    shape = {"rows": dual.num_ws, "structure_rows": dual.structure_rows, "z_dim": dual.z_dim}
    made = {"g_ema": dual, "d": d, "exemplars": Exemplars(count=2, **shape)}
    weights.write(tmp_path / "run.safetensors", made, {})
    lost = save(tmp_path / "run.pt", load(tmp_path / "run.safetensors"))
    assert "exemplars: rosinality's files have no place for it" in lost
    equal(load(tmp_path / "run.pt")["g_ema"], dual)


def test_generators_of_files_that_lay_them_elsewhere_are_read(tmp_path):
    g, d = checkpoints.pair()
    tree = checkpoints.rosinality_tree(g, d)
    rows = tree["latent_avg"].repeat(g.num_ws, 1)
    decoder = {f"decoder.{name}": value for name, value in tree["g"].items()}
    psp = {"state_dict": {**decoder, "encoder.input_layer.0.weight": torch.zeros(2)}, "opts": {}}
    trees = {
        "pSp": psp | {"latent_avg": rows},
        "BasicSR": {"params": tree["d"], "params_ema": tree["g"], "latent_avg": tree["latent_avg"]},
        "rows": {"g_ema": tree["g"], "latent_avg": rows},
        "one row": {"g_ema": tree["g"], "latent_avg": rows[:1]},
        "state_dict": {"state_dict": tree["g"], "latent_avg": rows},
    }
    for name, one in trees.items():
        found = load(checkpoints.rosinality(tmp_path / f"{name}.pt", one))
        assert set(found) == {"g_ema"}
        equal(found["g_ema"], g)
        assert ("encoder" in found.notes) == (name == "pSp")
    rows = rows.clone()
    rows[-1] += 1
    with pytest.raises(CheckpointError, match="'latent_avg' has 36 numbers, not 6"):
        load(checkpoints.rosinality(tmp_path / "a.pt", {"g_ema": tree["g"], "latent_avg": rows}))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused_by_name(tmp_path, bad):
    g, d = checkpoints.pair()
    tree = checkpoints.rosinality_tree(g, d, without=("g", "d"))
    average = tree["latent_avg"].clone()
    tree["latent_avg"][2] = bad
    with pytest.raises(CheckpointError, match="'latent_avg' holds numbers that are not finite"):
        load(checkpoints.rosinality(tmp_path / "a.pt", tree))
    tree["latent_avg"] = average
    tree["g_ema"]["convs.1.conv.weight"].view(-1)[3] = bad
    with pytest.raises(
        CheckpointError, match=r"'convs\.1\.conv\.weight' holds numbers that are not"
    ):
        load(checkpoints.rosinality(tmp_path / "a.pt", tree))
    g.synthesis.b8.conv0.bias.data[0] = bad
    with pytest.raises(CheckpointError, match=r"'synthesis\.b8\.conv0\.bias' holds numbers"):
        load(checkpoints.nvidia(tmp_path / "a.pkl", g, d))
    weights.write(tmp_path / "a.safetensors", {"g_ema": g}, {})
    for read in (load, weights.read):
        with pytest.raises(UserError, match=r"'g_ema.synthesis.b8.conv0.bias' .*not finite.*vers"):
            read(tmp_path / "a.safetensors")
