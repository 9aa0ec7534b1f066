"""Writes checkpoint files in the published layouts, small and by the means of their authors.

NVIDIA's classes are played by classes of the same names, so that Python's own pickle writes what it
would have written for them: a module reduces to a call of ``_reconstruct_persistent_obj`` with its
class name, source text and attributes.
"""

import argparse
import pickle
import sys
import types
from collections import OrderedDict
from contextlib import contextmanager

import numpy as np
import torch

from core.convert import FORMATS, from_state_dict, to_state_dict
from core.networks.discriminator import Discriminator
from core.networks.generator import Generator
from tests.golden import formula

CHANNELS = {4: 5, 8: 4, 16: 3}
BUFFERS = ("resample_filter", "noise_const", "w_avg")
SOURCE = "import os\nos.environ['CHECKPOINT_RAN'] = 'yes'\nraise SystemExit('source was run')\n"


def pair(*, layers=2, conv_clamp=None, mbstd_group=4, width=6, channels=CHANNELS):
    """A small generator and discriminator with nothing left at its first value."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        g = Generator(
            z_dim=width,
            w_dim=width,
            img_resolution=max(channels),
            channels=channels,
            mapping_layers=layers,
            conv_clamp=conv_clamp,
        )
        d = Discriminator(
            img_resolution=max(channels),
            channels=channels,
            mbstd_group=mbstd_group,
            conv_clamp=conv_clamp,
        )
        for module in (g, d):
            for parameter in module.parameters():
                parameter.data.normal_()
        g.mapping.w_avg.normal_()
        for i in range(layers):
            getattr(g.mapping, f"fc{i}").weight.data.mul_(100)
    return g, d


def rosinality_tree(g, d, without=()):
    """What a training snapshot of rosinality's holds, and the average style of converted files."""
    state = to_state_dict(g, format="rosinality_g")
    noisy = torch.nn.Parameter(torch.zeros(3))
    optimiser = torch.optim.Adam([noisy])
    noisy.grad = torch.ones(3)
    optimiser.step()
    tree = {
        "g": state,
        "d": to_state_dict(d, format="rosinality_d"),
        "g_ema": OrderedDict((name, value + 1) for name, value in state.items()),
        "g_optim": optimiser.state_dict(),
        "args": argparse.Namespace(size=16, mixing=0.9, path="lmdb", distributed=False),
        "ada_aug_p": 0.25,
        "latent_avg": g.mapping.w_avg.clone(),
    }
    for name, value in state.items():
        if name.endswith("kernel"):
            tree["g_ema"][name] = value
    return {name: value for name, value in tree.items() if name not in without}


def rosinality(path, tree, *, old=False):
    """A ``.pt`` file, as torch writes it now or wrote it before 1.6."""
    torch.save(tree, path, _use_new_zipfile_serialization=not old)
    return path


class Persistent:
    """A persistent module, which reduces as NVIDIA's do."""

    def __init__(self, class_name, state):
        self.meta = {
            "type": "class",
            "version": 6,
            "module_src": SOURCE,
            "class_name": class_name,
            "state": state,
        }

    def __reduce__(self):
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (self.meta,)


def module(entries, attributes, path="", *, frozen=False, kwargs=()):
    """A tree of persistent modules of entries by dotted name."""
    own = {name: value for name, value in entries.items() if "." not in name}
    inner: dict[str, dict] = {}
    for name, value in entries.items():
        if "." in name:
            child, _, rest = name.partition(".")
            inner.setdefault(child, {})[rest] = value
    buffers = {n: v for n, v in own.items() if frozen or n in BUFFERS}
    state = {
        "training": False,
        "_parameters": OrderedDict(
            (n, torch.nn.Parameter(v, requires_grad=False))
            for n, v in own.items()
            if n not in buffers
        ),
        "_buffers": OrderedDict(buffers),
        "_modules": OrderedDict(
            (
                name,
                module(rest, attributes, f"{path}{name}.", frozen=frozen),
            )
            for name, rest in inner.items()
        ),
        "_backward_hooks": OrderedDict(),
        "_non_persistent_buffers_set": set(),
        "_init_args": (),
        "_init_kwargs": sys.modules["dnnlib.util"].EasyDict(kwargs),
        "weight_gain": np.sqrt(np.float64(0.5)),
        **attributes.get(path.rstrip("."), {}),
    }
    if path == "b4.":
        state["_modules"]["mbstd"] = Persistent("MinibatchStdLayer", attributes["b4.mbstd"])
    if path.endswith("skip."):
        state["_parameters"]["bias"] = None
    return Persistent("SynthesisLayer", state)


EMPTY = {"training": False, "_parameters": {}, "_buffers": {}, "_modules": {}}


def nvidia_tree(g, d, *, written_in="layers", frozen=()):
    """What a snapshot of stylegan2-ada-pytorch holds; ``written_in`` says where its clamp is."""
    clamp, group = g.config["conv_clamp"], d.config["mbstd_group"]
    layer = {"conv_clamp": clamp, "activation": "lrelu"} if written_in == "layers" else {}
    mbstd = {"group_size": group, "num_channels": 1} if written_in == "layers" else {}
    g_attributes = {"synthesis.b4.conv1": layer, "mapping.fc0": {"bias_gain": 0.01}}
    d_attributes = {"b4.conv": layer, "b4.mbstd": {**EMPTY, **mbstd}}
    easy = sys.modules["dnnlib.util"].EasyDict
    g_kwargs = easy(z_dim=g.z_dim, synthesis_kwargs=easy(conv_clamp=clamp))
    d_kwargs = easy(conv_clamp=clamp, epilogue_kwargs=easy(mbstd_group_size=group))
    parts = {}
    for name in ("G", "G_ema"):
        state = to_state_dict(g, format="nvidia_g")
        parts[name] = module(state, g_attributes, frozen=name in frozen, kwargs=g_kwargs)
    state = to_state_dict(d, format="nvidia_d")
    parts["D"] = module(state, d_attributes, frozen="D" in frozen, kwargs=d_kwargs)
    augment = {**EMPTY, "_buffers": {"p": torch.zeros([])}}
    return {
        "training_set_kwargs": {"class_name": "training.dataset.ImageFolderDataset", "xflip": True},
        **parts,
        "augment_pipe": Persistent("AugmentPipe", augment),
    }


def variables(g, d):
    """TensorFlow's names and arrays, layer by layer: (G's mapping, G's synthesis, D's)."""
    mapping, synthesis, critic = {}, {}, {}
    for i in range(g.config["mapping_layers"]):
        layer = getattr(g.mapping, f"fc{i}")
        mapping |= {f"Dense{i}/weight": layer.weight.t(), f"Dense{i}/bias": layer.bias}
    synthesis["4x4/Const/const"] = g.synthesis.b4.const[None]
    names = {"conv0": "Conv0_up", "conv1": "Conv1", "torgb": "ToRGB"}
    for i, name in enumerate(g.synthesis.noise_names):
        block, layer = name.split(".")
        noise = getattr(getattr(g.synthesis, block), layer).noise_const
        synthesis[f"noise{i}"] = noise[None, None]
    for r in g.synthesis.resolutions:
        for ours, theirs in names.items():
            if r == 4 and ours == "conv0":
                continue
            layer = getattr(getattr(g.synthesis, f"b{r}"), ours)
            prefix = f"{r}x{r}/{'Conv' if (r, ours) == (4, 'conv1') else theirs}/"
            kernel = layer.weight.flip(2, 3) if ours == "conv0" else layer.weight
            synthesis[prefix + "weight"] = kernel.permute(2, 3, 1, 0)
            synthesis[prefix + "bias"] = layer.bias
            synthesis[prefix + "mod_weight"] = layer.affine.weight.t()
            synthesis[prefix + "mod_bias"] = layer.affine.bias - 1
            if ours != "torgb":
                synthesis[prefix + "noise_strength"] = layer.noise_strength
    kernels = {"fromrgb": "FromRGB", "conv0": "Conv0", "conv1": "Conv1_down", "skip": "Skip"}
    for r in d.block_resolutions:
        for ours, theirs in kernels.items():
            layer = getattr(getattr(d, f"b{r}"), ours, None)
            if layer is not None:
                critic[f"{r}x{r}/{theirs}/weight"] = layer.weight.permute(2, 3, 1, 0)
                if ours != "skip":
                    critic[f"{r}x{r}/{theirs}/bias"] = layer.bias
    critic |= {"4x4/Conv/weight": d.b4.conv.weight.permute(2, 3, 1, 0)}
    critic |= {"4x4/Dense0/weight": d.b4.fc.weight.t(), "Output/weight": d.b4.out.weight.t()}
    critic |= {"4x4/Conv/bias": d.b4.conv.bias, "4x4/Dense0/bias": d.b4.fc.bias}
    return mapping, synthesis, {**critic, "Output/bias": d.b4.out.bias}


def tensorflow_tree(g, d):
    """The tuple (G, D, Gs) of TensorFlow's StyleGAN2."""
    mapping, synthesis, critic = variables(g, d)

    def network(own, kwargs=(), **components):
        network = sys.modules["dnnlib.tflib.network"].Network()
        network.__dict__ |= {
            "version": 4,
            "name": "G",
            "static_kwargs": sys.modules["dnnlib.util"].EasyDict(kwargs),
            "components": sys.modules["dnnlib.util"].EasyDict(components),
            "build_module_src": SOURCE,
            "build_func_name": "G_main",
            "variables": [(k, v.detach().numpy().copy()[()]) for k, v in own.items()],
        }
        return network

    def whole():
        own = {"lod": torch.tensor(0.0), "dlatent_avg": g.mapping.w_avg}
        return network(own, mapping=network(mapping), synthesis=network(synthesis))

    return whole(), network(critic, {"mbstd_group_size": d.config["mbstd_group"]}), whole()


@contextmanager
def official_modules():
    """NVIDIA's modules, as far as pickle asks for them; gone again afterwards."""
    easy_dict = type("EasyDict", (dict,), {"__module__": "dnnlib.util"})
    network = type("Network", (), {"__module__": "dnnlib.tflib.network"})

    def _reconstruct_persistent_obj(meta):
        raise AssertionError("a persistent object was rebuilt")

    _reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
    _reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
    contents = {
        "torch_utils": {},
        "torch_utils.persistence": {"_reconstruct_persistent_obj": _reconstruct_persistent_obj},
        "dnnlib": {},
        "dnnlib.util": {"EasyDict": easy_dict},
        "dnnlib.tflib": {},
        "dnnlib.tflib.network": {"Network": network},
    }
    for name, members in contents.items():
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(members)
    try:
        yield
    finally:
        for name in contents:
            del sys.modules[name]


def nvidia(path, g, d, *, protocol=4, **options):
    """A ``.pkl`` of stylegan2-ada-pytorch."""
    with official_modules():
        path.write_bytes(pickle.dumps(nvidia_tree(g, d, **options), protocol=protocol))
    return path


def tensorflow(path, g, d, *, protocol=4):
    """A ``.pkl`` of TensorFlow's StyleGAN2."""
    with official_modules():
        path.write_bytes(pickle.dumps(tensorflow_tree(g, d), protocol=protocol))
    return path


def encoder(format, *, rows, w_dim, width=128, seed=1):
    """A published encoder of made-up weights, in evaluation mode; thin unless width is 512."""
    channels = 6 if format.startswith("restyle") else 3
    config = {"rows": rows, "w_dim": w_dim, "input_channels": channels, "width": width}
    with torch.device("meta"):
        network = FORMATS[format].network(**config)
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    rules = format.removeprefix("restyle_")
    network = from_state_dict(formula.fill(shapes, f"encoder{seed}", rules), format=format)
    return network.eval().requires_grad_(False)


def encoder_tree(network, average, opts, decoder=()):
    """What pSp, e4e and ReStyle publish: the network beside its generator and its options."""
    state = {f"encoder.{name}": value for name, value in network.state_dict().items()}
    state |= {f"decoder.{name}": value for name, value in dict(decoder).items()}
    return {"state_dict": state, "latent_avg": average, "opts": opts, "global_step": 300_000}
