"""Nothing that comes from strangers runs: no pickles, no text as code, no foreign targets."""

import ast
import sys
import zipfile
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.harness.config import targets
from benchmarks.harness.config.grid import CompositionGrid
from benchmarks.harness.config.validation import GROUPS, choices_of
from core.errors import UserError
from core.networks import perception
from core.paths import ROOT

FILES = sorted(
    p for d in ("core", "adapters", "benchmarks", "tests") for p in (ROOT / d).rglob("*.py")
)
PICKLES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
# The reader of published checkpoints restricts the standard library's unpickler until it runs
# nothing (tests/core/convert/test_convert_hostile.py); two modules of tests write such files, one
# of which reads its own to show that it bites. Elsewhere the module is only asked for the name of
# the error that torch.load raises.
EXCEPT = {
    ROOT / "benchmarks/harness/evaluation/extractors/published_files.py": {"pickle"},
    ROOT / "tests/harness/alignment/test_detectors.py": {"pickle"},
    ROOT / "core/convert/restricted_unpickler.py": {"pickle"},
    ROOT / "tests/helpers/checkpoints.py": {"pickle"},
    ROOT / "tests/helpers/hostile.py": {"pickle", "pickle.loads"},
    ROOT / "tests/test_docs.py": {"exec", "compile"},  # the examples of our own pages
}
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "yaml.load",
         "yaml.unsafe_load", "torch.hub.load", "subprocess.getoutput",
         "subprocess.getstatusoutput", "pickle.load", "pickle.loads",
         "pickle.Unpickler"}  # fmt: skip
RUNS = ("run", "Popen", "call", "check_call", "check_output")


def dotted(node):
    """``a.b.c`` of an expression, as far as it is one."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def faults(tree, allowed=()):
    """What a module must not hold, with its lines."""
    found = []
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        tops = {name.split(".")[0] for name in names}
        found += [(node.lineno, f"import {top}") for top in tops & PICKLES - set(allowed)]
        found += [(node.lineno, name) for name in names if name in CALLS]
        if isinstance(node, ast.Call):
            name, words = dotted(node.func), {k.arg: k.value for k in node.keywords}
            found += [(node.lineno, name)] if name in CALLS - set(allowed) else []
            for key, must in (("shell", False), ("allow_pickle", False)):
                value = words.get(key)
                if value is not None and getattr(value, "value", None) is not must:
                    found.append((node.lineno, f"{name}({key}=...)"))
            if (
                name == "torch.load"
                and getattr(words.get("weights_only"), "value", None) is not True
            ):
                found.append((node.lineno, "torch.load without weights_only"))
            if name.startswith("subprocess.") and name.split(".")[1] in RUNS:
                first = node.args[0] if node.args else words.get("args")
                if isinstance(first, ast.Constant | ast.JoinedStr):
                    found.append((node.lineno, "a shell string"))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_neither_unpickles_nor_runs_text(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert faults(tree, EXCEPT.get(path, ())) == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle", "from pickle import loads", "import torch\ntorch.load(f)",
        "torch.load(f, weights_only=False)", "eval('1')", "exec(s)", "os.system('ls')",
        "from os import system", "subprocess.run(x, shell=True)", "subprocess.run('ls -l')",
        "np.load(f, allow_pickle=True)", "import dill as d", "subprocess.Popen(f'{x}')",
    ],
)  # fmt: skip
def test_the_search_finds_what_it_is_for(code):
    assert faults(ast.parse(code))


@pytest.mark.parametrize("group", GROUPS)
def test_every_yaml_names_only_what_it_may(group):
    assert choices_of(group)
    grid = CompositionGrid()
    for name in set(choices_of(group)) - {"file"}:  # which is named by a path
        words = ["source=tiny", f"{group}={name}", *(["data.root=x"] if name == "folder" else [])]
        targets.check(grid(words).cfg)


@pytest.mark.parametrize(
    "target",
    [
        "os.system", "subprocess.run", "builtins.eval", "posix.system", "pathlib.Path",
        "benchmarks.harness.records.provenance.subprocess.run", "benchmarks.run.os.system",
        "core.weights.os.remove",
        "benchmarks.run.instantiate", "torch.load", "torch.hub.load", "torch.jit.load",
        "torch.os.system", "torch._utils._rebuild_tensor", "torch.utils.cpp_extension.load",
        "torch.ops.load_library", "torch", "core", "core..weights", "core.no_such_thing",
        "corex.source.load", "adapters.finetune", "core.source.load.__globals__", 5,
        "hydra.utils.instantiate", "lightning.pytorch.cli.LightningCLI",
        "torch.optim.SGD", "torch.nn.Linear", "lightning.LightningModule", "timm.create_model",
        "lightning.pytorch.callbacks.ModelCheckpoint",
    ],
)  # fmt: skip
def test_a_foreign_target_is_refused_wherever_it_stands(target):
    for place in ({"_target_": target}, {"a": [{"b": {"_target_": target}}]}):
        with pytest.raises(UserError, match="_target_"):
            targets.check(place)


NINE = (
    "torch.fx.graph_module.reduce_graph_module",  # runs any text
    "lightning.LightningModule.load_from_checkpoint",
    "lightning.pytorch.core.saving.load_from_checkpoint",
    "timm.models.load_state_dict",  # with weights_only: false
    "timm.models.load_checkpoint",
    "torch.save",  # write files
    "torch.from_file",
    "timm.create_model",  # hf-hub:...
    "torch.hub.load_state_dict_from_url",
)


def reachable():
    """Every callable of every module of the libraries that is imported, by its address."""
    for library in ("torch", "lightning", "timm", "hydra.utils"):
        import_module(library)
    for name, module in sorted(sys.modules.items()):
        if module is not None and name.split(".")[0] in ("torch", "lightning", "timm", "hydra"):
            own = vars(module).items()
            yield from (f"{name}.{key}" for key, value in own if callable(value))


def test_every_callable_of_the_libraries_that_is_not_listed_is_refused():
    foreign = {*NINE, *reachable()}
    assert len(foreign) > 20_000
    assert foreign & set(targets.FOREIGN)
    taken = set()
    for target in foreign:
        with suppress(UserError):
            targets.check({"_target_": target})
            taken.add(target)
    assert taken == set(targets.FOREIGN)


def test_all_that_is_ours_and_conf_does_not_name_is_a_class_or_function_of_ours():
    for target in ("core.atomic.os.remove", "benchmarks.harness.config.build.instantiate"):
        with pytest.raises(UserError, match="is refused"):
            targets.check({"_target_": target})


def test_an_architecture_is_named_by_its_own_name_and_never_by_an_address():
    for name in ("hf-hub:somebody/model", "local-dir:/tmp", "hf_hub:a/b", "nosuch", "", 5):
        with pytest.raises(UserError, match="is no architecture"):
            perception.trunk(name, {}, True)
    for option in ("checkpoint_path", "pretrained", "pretrained_cfg", "cache_dir"):
        with pytest.raises(UserError, match="is no architecture"):
            perception.trunk("resnet10t", {option: "x"}, True)
    with pytest.raises(UserError, match="cannot be built"):
        perception.trunk("resnet10t", {"channels": "wide"}, True)


@pytest.mark.parametrize("target", [*targets.FOREIGN, "core.source.load"])
def test_targets_of_the_project_and_its_libraries_are_taken(target):
    targets.check({"_target_": target})
    assert targets.allowed("_target_", target).__name__ == target.rpartition(".")[2]


def test_a_foreign_target_is_not_called_from_the_command_line(styleshift, tmp_path):
    word = f"+method.ema.then={{_target_:os.makedirs,name:{tmp_path / 'called'}}}"
    status, said = styleshift(word)
    assert status == 2
    assert "method.ema.then._target_=os.makedirs is refused" in said
    assert not (tmp_path / "called").exists()
    assert styleshift("+method.ema._args_=[1]")[0] == 2


@pytest.mark.parametrize("many", [(), ("-m",)])
@pytest.mark.parametrize(
    "word",
    [
        "+hydra.callbacks.x={{_target_:os.makedirs,name:{called}}}",
        "hydra.launcher._target_=os.makedirs",
        "hydra.sweeper._target_=os.makedirs",
        "+hydra.job_logging.handlers.x={{class:os.makedirs,name:{called}}}",
        "hydra.searchpath=['file://{called}']",
        "+hydra.help.x={{_target_:os.makedirs,name:{called}}}",
        "+hydra.runtime.x={{a:[{{_target_:os.makedirs,name:{called}}}]}}",
        "+hydra.hydra_logging.handlers.x={{class:os.makedirs,name:{called}}}",
        "+hydra.job_logging.formatters.x={{factory:os.makedirs,name:{called}}}",
    ],
)
def test_nothing_of_hydras_own_node_is_called(styleshift, tmp_path, word, many):
    word = word.format(called=tmp_path / "called")
    status, said = styleshift(word, *many)
    assert status == 2
    assert "is refused: " in said
    assert "hydra." in said
    assert not (tmp_path / "called").exists()
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("option", ["--experimental-rerun=x", "--config-dir=x", "-cp=x"])
def test_options_of_hydra_that_read_other_files_are_unknown(styleshift, option):
    with pytest.raises(SystemExit, match="2"):
        styleshift(option)


def test_a_zip_whose_names_point_outside_writes_nothing_there(styleshift, root, tmp_path):
    evil = tmp_path / "inside" / "evil.zip"
    evil.parent.mkdir()
    with zipfile.ZipFile(evil, "w") as archive:
        for i, name in enumerate(("../a.png", "../../b.png", "/c.png", "d/../../e.png", "f.png")):
            archive.writestr(name, (root / f"{i}.png").read_bytes())
    before = {path for path in tmp_path.rglob("*") if "results" not in path.parts}
    assert styleshift(f"data.root={evil}", "method.images=4", "data.shots=2")[0] == 0
    after = {path for path in tmp_path.rglob("*") if "results" not in path.parts}
    assert after == before
    assert not Path("/c.png").exists()


@pytest.mark.parametrize("name", ["[bold]", "[/bold]", "[link=file:///etc]x", "\x1b[31mred"])
def test_a_folder_named_like_markup_is_only_a_name(styleshift, tmp_path, name):
    folder = tmp_path / "x" / name
    folder.mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(folder / "one.png")
    status, said = styleshift(f"data.root='{folder}'", "data.shots=3")
    assert status == 2
    assert "fewer than the 3 shots" in said
    assert "\x1b[31m" not in said
