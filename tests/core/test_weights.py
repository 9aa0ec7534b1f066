"""A weights file builds registered networks and nothing else."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from core import convert, weights
from core.errors import UserError
from core.networks import registry


@registry.network
class Halver(nn.Module):
    """A network of an adapter's own."""

    def __init__(self, *, width):
        super().__init__()
        self.config = {"width": width}
        self.factor = nn.Parameter(torch.full((width,), 0.5))


class Foreign(Halver):
    """Of the same shape, and nobody registered it."""


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "made.safetensors"
    made = Halver(width=3)
    with torch.no_grad():
        made.factor.uniform_()
    weights.write(path, {"halver": made}, {"method": "halving"})
    return path, made


def renamed(path, name):
    """The file with another class in its metadata."""
    networks = {"halver": {"class": name, "config": {"width": 3}}}
    meta = {"format": weights.FORMAT, "networks": json.dumps(networks)}
    save_file(load_file(path), path, meta)
    return path


@pytest.mark.parametrize("read", [lambda path: weights.read(path)[0], convert.load])
def test_a_class_is_read_back_where_it_was_registered(written, read):
    path, made = written
    assert torch.equal(read(path)["halver"].factor, made.factor)


@pytest.mark.parametrize("name", ["Foreign", "Linear", "torch.nn.Linear", "os.system", ""])
def test_a_class_that_was_not_registered_is_never_built(written, name):
    path = renamed(written[0], name)
    with pytest.raises(UserError, match="which is not known here"):
        weights.read(path)


def test_a_file_of_unknown_origin_has_nothing_built_by_a_library(written):
    assert {"Compact", "CompactZPlus"} <= registry.NETWORKS.keys()
    assert not {"Compact", "CompactZPlus"} & registry.self_contained().keys()
    path = renamed(written[0], "Compact")
    with pytest.raises(UserError, match="which is not known here"):
        convert.load(path)


def test_two_classes_of_one_name_are_refused():
    with pytest.raises(TypeError, match="both name Generator"):
        registry.network(type("Generator", (nn.Module,), {"__module__": "elsewhere"}))
    assert registry.NETWORKS["Generator"].__module__ == "core.networks.generator"
