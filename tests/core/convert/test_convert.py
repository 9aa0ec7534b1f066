import re

import pytest
import torch

from core.convert import CheckpointError, from_state_dict, to_state_dict
from core.errors import UserError
from core.networks.discriminator import Discriminator
from core.networks.generator import Generator

FORMATS = ("nvidia_g", "nvidia_d", "rosinality_g", "rosinality_d")
TABLE = {4: 8, 8: 7, 16: 6, 32: 5}


def network(format):
    torch.manual_seed(4)
    if format.endswith("_d"):
        module = Discriminator(img_resolution=32, channels=TABLE)
    else:
        module = Generator(z_dim=6, w_dim=5, img_resolution=32, channels=TABLE, mapping_layers=3)
        module.mapping.w_avg.normal_()
    for parameter in module.parameters():
        parameter.data.normal_()
    return module


def outputs(module):
    generator = torch.Generator().manual_seed(0)
    shape = (2, 6) if isinstance(module, Generator) else (4, 3, 32, 32)
    return module(torch.randn(shape, generator=generator))


@pytest.mark.parametrize("format", FORMATS)
def test_a_round_trip_is_equal_bit_for_bit(format):
    module = network(format)
    state = to_state_dict(module, format=format)
    average = {"latent_avg": module.mapping.w_avg} if format == "rosinality_g" else {}
    again = from_state_dict(state, format=format, **average)
    assert again.config == module.config
    assert all(
        torch.equal(a, b)
        for a, b in zip(module.state_dict().values(), again.state_dict().values(), strict=True)
    )
    twice = to_state_dict(again, format=format)
    assert list(twice) == list(state)
    assert all(torch.equal(state[name], twice[name]) for name in state)


@pytest.mark.parametrize("part", ["g", "d"])
def test_a_network_goes_through_both_formats_unchanged(part):
    module = network(f"nvidia_{part}")
    first = from_state_dict(to_state_dict(module, format=f"nvidia_{part}"), format=f"nvidia_{part}")
    state = to_state_dict(first, format=f"rosinality_{part}")
    assert torch.equal(
        outputs(from_state_dict(state, format=f"rosinality_{part}")), outputs(module)
    )


@pytest.mark.parametrize("format", FORMATS)
def test_every_missing_extra_or_misshapen_entry_is_named(format):
    state = to_state_dict(network(format), format=format)
    filters = [name for name in state if name.endswith(("kernel", "resample_filter"))]
    for name in set(state) - set(filters):
        rest = {k: v for k, v in state.items() if k != name}
        with pytest.raises(CheckpointError, match=re.escape(f"entry {name!r} is missing")):
            from_state_dict(rest, format=format)
        bent = {**state, name: state[name].new_zeros((*state[name].shape, 2))}
        with pytest.raises(CheckpointError, match=re.escape(f"entry {name!r} has shape")):
            from_state_dict(bent, format=format)
    with pytest.raises(CheckpointError, match=r"'surplus\.weight' belongs to no layer"):
        from_state_dict({**state, "surplus.weight": torch.ones(1)}, format=format)


def test_a_missing_bias_is_said_by_name():
    state = to_state_dict(network("rosinality_g"), format="rosinality_g")
    del state["convs.2.activate.bias"]
    with pytest.raises(UserError, match=r"'convs\.2\.activate\.bias' is missing"):
        from_state_dict(state, format="rosinality_g")


@pytest.mark.parametrize("format", FORMATS)
def test_filters_may_be_absent_but_not_different(format):
    state = to_state_dict(network(format), format=format)
    filters = [name for name in state if name.endswith(("kernel", "resample_filter"))]
    assert filters
    plain = {k: v for k, v in state.items() if k not in filters}
    assert torch.equal(
        outputs(from_state_dict(plain, format=format)),
        outputs(from_state_dict(state, format=format)),
    )
    with pytest.raises(CheckpointError, match="not the filter"):
        from_state_dict({**state, filters[0]: torch.ones(4, 4)}, format=format)


def test_what_shapes_do_not_tell_is_passed_and_what_they_tell_must_agree():
    state = to_state_dict(network("nvidia_d"), format="nvidia_d")
    d = from_state_dict(state, format="nvidia_d", conv_clamp=256, mbstd_group=None)
    assert d.config["conv_clamp"] == 256
    assert d.config["mbstd_group"] is None
    with pytest.raises(CheckpointError, match="the shapes say img_resolution = 32"):
        from_state_dict(state, format="nvidia_d", img_resolution=64)
    with pytest.raises(CheckpointError, match="no such network"):
        from_state_dict(state, format="nvidia_d", depth=3)


def test_arrays_and_double_precision_are_read_as_they_are():
    module = network("nvidia_g").double()
    state = {k: v.numpy() for k, v in to_state_dict(module, format="nvidia_g").items()}
    again = from_state_dict(state, format="nvidia_g")
    assert again.synthesis.b4.const.dtype == torch.float64
    assert torch.equal(again.synthesis.b4.const, module.synthesis.b4.const)


def test_labels_unknown_formats_and_wrong_networks_are_refused():
    state = to_state_dict(network("nvidia_g"), format="nvidia_g")
    with pytest.raises(CheckpointError, match="labels"):
        from_state_dict({**state, "mapping.embed.weight": torch.ones(2, 2)}, format="nvidia_g")
    with pytest.raises(CheckpointError, match="Unknown format 'tf'"):
        from_state_dict(state, format="tf")
    with pytest.raises(CheckpointError, match="format of a Discriminator"):
        to_state_dict(network("nvidia_g"), format="nvidia_d")


def test_an_absurd_number_of_layers_is_refused_quickly():
    state = to_state_dict(network("rosinality_d"), format="rosinality_d")
    state["convs.99999999.conv1.0.weight"] = torch.ones(1)
    with pytest.raises(CheckpointError, match="architecture cannot be read"):
        from_state_dict(state, format="rosinality_d")


def test_shapes_that_no_memory_could_hold_are_refused_before_anything_is_built():
    state = to_state_dict(network("rosinality_g"), format="rosinality_g")
    for r in range(3):
        state[f"convs.{2 * r}.conv.weight"] = torch.ones(1, 2**20, 1, 1, 1)
    state["conv1.conv.weight"] = torch.ones(1, 2**20, 1, 1, 1)
    with pytest.raises(CheckpointError, match=r"'input\.input' has shape"):
        from_state_dict(state, format="rosinality_g")


@pytest.mark.parametrize("format", FORMATS)
def test_empty_entries_and_whole_numbers_are_refused(format):
    state = to_state_dict(network(format), format=format)
    for name, value in state.items():
        with pytest.raises(CheckpointError):
            from_state_dict({**state, name: value.flatten()[:0]}, format=format)
        if name.endswith("weight"):
            with pytest.raises(CheckpointError, match=r"numbers of type torch\.int64"):
                from_state_dict({**state, name: value.long()}, format=format)


def test_a_thousand_million_layers_are_refused_quickly():
    state = to_state_dict(network("nvidia_g"), format="nvidia_g")
    state["mapping.fc999999999.weight"] = torch.ones(1)
    with pytest.raises(CheckpointError, match="belongs to no layer"):
        from_state_dict(state, format="nvidia_g")
