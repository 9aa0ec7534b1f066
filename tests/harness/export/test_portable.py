"""Programs that run where this project is not, for every method: they show what was judged."""

import json
import re
import runpy
import subprocess
import sys
import sysconfig
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch

from benchmarks import export
from benchmarks.harness.export import portable
from benchmarks.harness.io.contact_sheet import to_uint8
from benchmarks.harness.records.record import Record
from benchmarks.harness.stylize.find_run import find_run
from benchmarks.harness.stylize.generator import BareGenerator, judged
from core import weights
from core.errors import UserError
from core.networks.generator import Generator
from core.networks.latent_compression import LatentCompression
from core.networks.layer_swap import by_features
from core.paths import ROOT
from tests.harness.stylize.test_stylize import recorded
from tests.helpers.contract import configuration, fit, methods

PACKAGES = sysconfig.get_paths()["purelib"]  # without the .pth file that installs this project
SLOW = [pytest.param(form, marks=pytest.mark.exhaustive) for form in ("torch_export", "onnx")]
MAKES_NO_GENERATOR = {"encoder", "encoder_zplus"}
ELSEWHERE = """
import importlib.util, sys, numpy
assert not any(map(importlib.util.find_spec, ("core", "adapters", "benchmarks")))
z = numpy.load("z.npy")
{run}
numpy.save("images.npy", numpy.asarray(images))
assert not any(name.split(".")[0] in ("core", "adapters", "benchmarks") for name in sys.modules)
"""
RUN = {
    "torchscript": """
import torch
images, ws = torch.jit.load("generator.pt")(torch.from_numpy(z))
again = torch.jit.load("synthesis.pt")(ws)
assert torch.equal(images, again)
""",
    "torch_export": """
import torch
images, ws = torch.export.load("generator.pt2").module()(torch.from_numpy(z))
again = torch.export.load("synthesis.pt2").module()(ws)
assert torch.equal(images, again)
""",
    "onnx": """
import onnxruntime
images, ws = onnxruntime.InferenceSession("generator.onnx").run(None, {"z": z})
again, = onnxruntime.InferenceSession("synthesis.onnx").run(["images"], {"ws": ws})
assert abs(images - again).max() < 1e-4
""",
}


def finished(folder, method, **changes):
    """A run as it is left behind, and the adapter that was judged."""
    adapter, _, _ = fit(folder, method)
    with torch.no_grad():  # three steps leave a mapping network nearly what it was
        for name, parameter in adapter.named_parameters():
            if not name.startswith("source."):
                parameter.mul_(1 + 0.2 * torch.randn_like(parameter))
    place = folder / "out" / f"{method}--pictures--tiny--00000000--s0"
    weights.write(place / "generator.safetensors", adapter.export(), {"run": place.name})
    record = recorded(configuration(folder, method), method=method, source="tiny", **changes)
    Record.from_json(record).write(place / "record.json")
    return place, adapter


def latents(adapter, n):
    return torch.randn(n, adapter.source.g.z_dim, generator=torch.Generator().manual_seed(9))


def shown(adapter, z):
    with torch.no_grad():
        return adapter.sample(z).numpy()


@pytest.fixture(scope="module")
def freezesg(tmp_path_factory):
    """The method whose first rows come from the source's mapping network."""
    return finished(tmp_path_factory.mktemp("freezesg"), "freezesg")


@pytest.mark.parametrize("form", ["torchscript", *SLOW])
def test_a_program_runs_where_this_project_is_not_installed(freezesg, tmp_path, form):
    place, adapter = freezesg
    assert export.main([str(place), "--to", str(tmp_path / "to"), "--format", form]) == 0
    suffix = portable.FORMATS[form].suffix
    names = {path.name for path in (tmp_path / "to").iterdir()}
    assert names == {f"generator{suffix}", f"synthesis{suffix}"}
    z = latents(adapter, 5)
    np.save(tmp_path / "to" / "z.npy", z.numpy())
    done = subprocess.run(
        [sys.executable, "-S", "-P", "-c", ELSEWHERE.format(run=RUN[form])],
        cwd=tmp_path / "to", env={"OMP_NUM_THREADS": "1", "PATH": "", "PYTHONPATH": PACKAGES},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "to" / "images.npy")
    assert abs(found - shown(adapter, z)).max() <= (1e-4 if form == "onnx" else 1e-6)
    plain = adapter.eval_generator()  # without the source's mapping network
    with torch.no_grad():
        assert abs(found - plain(z).numpy()).max() > 1e-3


@pytest.fixture(scope="module")
def finished_runs(tmp_path_factory):
    """Runs of all methods, each trained once."""
    made = {}

    def run_of(method):
        if method not in made:
            made[method] = finished(tmp_path_factory.mktemp(method), method)
        return made[method]

    return run_of


# FreezeSG is tried in all forms above; these have operators that it has not.
KINDS = [
    pytest.param(method, form, marks=pytest.mark.exhaustive)
    for method, form in (
        ("dualstylegan", "onnx"),
        ("dualstylegan", "torch_export"),
    )
]


@pytest.mark.parametrize(
    ("method", "form"),
    [pytest.param(*m.values, "torchscript", marks=m.marks) for m in methods("dualstylegan")]
    + KINDS,
)
def test_every_method_is_written_as_it_was_judged(finished_runs, tmp_path, method, form, capsys):
    place, adapter = finished_runs(method)
    if method in MAKES_NO_GENERATOR:
        assert export.main([str(place), "--to", str(tmp_path), "--format", form]) == 2
        assert "left no generator" in capsys.readouterr().err
        return
    written, again = portable.FORMATS[form], judged(find_run(str(place), tmp_path, whole=False))
    portable.write(again, tmp_path, written, {}, {"generator"})
    program = written.read((tmp_path / f"generator{written.suffix}").read_bytes())
    for n in (1, 3):
        z = latents(adapter, n)
        images, ws = program(z)
        np.testing.assert_allclose(images.detach(), shown(adapter, z), rtol=0, atol=1e-4)
        assert len(ws) == n


@pytest.mark.parametrize("count", [3, pytest.param(10, marks=pytest.mark.exhaustive)])
def test_onnx_draws_styles_towards_the_shots_without_a_solver(count):
    rng = torch.Generator().manual_seed(0)
    compression = LatentCompression(count=0, w_dim=32, strengths=[0.0, 0.3, 1.0])
    compression.remember(torch.randn(count, 3, 32, generator=rng) + 2)
    about = {"input": "ws", "output": "drawn"}
    ws = torch.randn(5, 3, 32, generator=rng)
    data = portable.write_onnx(portable.Program(compression), ws[:2], about)
    (found,) = portable.read_onnx(data)(ws)
    np.testing.assert_allclose(found, compression(ws), rtol=0, atol=1e-4)
    assert (found - ws).abs().max() > 0.1


def test_a_row_of_swapped_features_is_written_as_it_was_judged(finished_runs, tmp_path):
    place, adapter = finished_runs("finetune")
    record = json.loads((place / "record.json").read_text())
    record |= {"of": place.name, "overrides": ["swap=features"]}  # as a real one names them
    swap = {"_target_": "by_features", "_partial_": True, "resolution": 16}
    record["config"]["swap"] = swap
    row = place.with_name("row")
    Record.from_json(record).write(row / "record.json")
    to = tmp_path / "to"
    assert export.main([str(row), "--to", str(to), "--format", "torchscript"]) == 0
    z = latents(adapter, 3)
    with torch.no_grad():
        wanted = by_features(adapter.source.g, adapter.eval_generator(), resolution=16)(z)
        images, _ = torch.jit.load(to / "generator.pt")(z)
    torch.testing.assert_close(images, wanted, rtol=0, atol=1e-6)
    weights.write(row / "generator.safetensors", {"g_ema": adapter.eval_generator()}, {})
    own = judged(find_run(str(row), tmp_path, whole=False))  # swapped already, without g and d
    np.testing.assert_array_equal(shown(own, z), shown(adapter, z))
    assert abs(images.numpy() - shown(adapter, z)).max() > 1e-3


@pytest.fixture
def network(request):
    """A generator of few channels."""
    torch.manual_seed(0)
    side = getattr(request, "param", 16)
    channels = {4 << i: 4 for i in range(7) if 4 << i <= side}
    return Generator(z_dim=8, w_dim=8, mapping_layers=2, img_resolution=side, channels=channels)


@pytest.mark.exhaustive  # of ONNX
@pytest.mark.parametrize("network", [16], indirect=True)
def test_weights_without_a_record_are_written_too(network, tmp_path, monkeypatch, capsys):
    file, to = tmp_path / "mine.safetensors", tmp_path / "DIR"
    weights.write(file, {"g_ema": network}, {})
    words = [str(file), "--to", str(to), "--format", "onnx"]
    assert export.main(words) == 2
    assert "--licence" in capsys.readouterr().err
    assert export.main([*words, "--licence", "CC0"]) == 0
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "checkpoints.md").read_text()
    (code,) = re.findall(r"```py\n(import numpy.*?)```", page, re.DOTALL)
    (tmp_path / "page.py").write_text(code)
    example = runpy.run_path("page.py")
    z = torch.from_numpy(example["z"].astype(np.float32))
    side, rows = network.img_resolution, network.num_ws
    with torch.no_grad():
        wanted = network.eval()(z)
        np.testing.assert_allclose(example["images"], wanted, rtol=0, atol=1e-4)
        np.testing.assert_allclose(example["ws"], network.mapping(z), rtol=0, atol=1e-5)
    apart = example["pixels"].transpose(0, 2, 3, 1).astype(int) - to_uint8(wanted)
    assert abs(apart).max() <= 1
    ends = [*example["session"].get_inputs(), *example["session"].get_outputs()]
    shapes = {end.name: end.shape for end in ends}
    assert shapes == {
        "z": ["batch", 8],
        "images": ["batch", 3, side, side],
        "ws": ["batch", rows, 8],
    }
    about = example["session"].get_modelmeta().custom_metadata_map
    assert about["licence"] == "CC0"
    assert onnx.load(to / "generator.onnx").opset_import[0].version == portable.OPSET
    assert about["opset"] == str(portable.OPSET)
    assert "standard normal" in about["input"]


def test_programs_of_torch_say_what_they_are(network, tmp_path):
    file = tmp_path / "mine.safetensors"
    weights.write(file, {"g_ema": network}, {"licence": "CC0"})
    about = {"about.json": ""}
    assert export.main([str(file), "--to", str(tmp_path / "a"), "--format", "torchscript"]) == 0
    torch.jit.load(tmp_path / "a" / "generator.pt", _extra_files=about)
    said = json.loads(about["about.json"])
    assert said["licence"] == "CC0"
    assert said["output"].startswith("images: float32 [N, 3, 16, 16]")


def test_pictures_that_are_not_the_judged_ones_are_not_written(network, tmp_path):
    alone = SimpleNamespace(trained=False, g=network, name="")
    adapter = BareGenerator(alone, network.eval().requires_grad_(False), "mine")
    whole = portable.FORMATS["torchscript"]
    off = whole._replace(read=lambda data: lambda x: whole.read(data)(x)[0] + 0.001)
    with pytest.raises(UserError, match="off: not written"):
        portable.write(adapter, tmp_path, off, {}, {"generator"})
    assert not list(tmp_path.iterdir())


def test_the_packages_of_onnx_are_named_where_they_are_missing(tmp_path):
    code = (
        "import sys; sys.modules['onnxscript'] = None\n"
        "from benchmarks.export import main\n"
        "weights = 'core/assets/parafaces64.safetensors'\n"
        "sys.exit(main([weights, '--to', sys.argv[1], '--format', 'onnx']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "to")],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.strip().endswith("pip install 'styleshift[onnx]'.")


def test_the_commands_formats_are_those_that_there_are():
    assert set(export.FORMATS) == {"hub", *portable.FORMATS}
