"""What a record says of the code that ran, and whether two runs are of the same things."""

import subprocess

import pytest

from benchmarks.harness.records import provenance
from benchmarks.harness.records.provenance import SAME_RUN, changes

FILES = {
    "adapters/__init__.py": "",
    "adapters/base.py": "class Base: pass\n",
    "adapters/mine.py": "from adapters.base import Base\n\nclass Mine(Base): pass\n",
    "adapters/other.py": "from adapters import base\n",
    "conf/config.yaml": "seed: 0\n",
    "benchmarks/run.py": "import core\n",
    "core/__init__.py": "",
    "docs/index.md": "# Text\n",
}


def git(folder, *words):
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A project of a few files, all committed."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "all")
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    cached = (provenance.code, provenance.of_modules)
    for function in cached:
        function.cache_clear()
    yield tmp_path
    for function in cached:
        function.cache_clear()


def edit(tree, name, text):
    (tree / name).write_text(text)


def overlooked(tree, flag):
    git(tree, "update-index", flag, "adapters/base.py")
    edit(tree, "adapters/base.py", "class Base: answer = 42\n")


SOILED = {
    "an edited file": lambda tree: edit(tree, "core/__init__.py", "x = 1\n"),
    "an edited yaml": lambda tree: edit(tree, "conf/config.yaml", "seed: 1\n"),
    "a new module": lambda tree: edit(tree, "adapters/new.py", "x = 1\n"),
    "a new yaml": lambda tree: edit(tree, "conf/new.yaml", "x: 1\n"),
    "a removed file": lambda tree: (tree / "adapters/other.py").unlink(),
    "a file that git assumes unchanged": lambda tree: overlooked(tree, "--assume-unchanged"),
    "a file that git skips": lambda tree: overlooked(tree, "--skip-worktree"),
    "an ignored module": lambda tree: [edit(tree, name, "new.py\n") for name in
                                       (".git/info/exclude", "adapters/new.py")],
    "a copy without git": lambda tree: (tree / ".git").rename(tree / "git"),
}  # fmt: skip
CLEAN = {
    "as committed": lambda tree: None,
    "a new text": lambda tree: edit(tree, "docs/new.md", "x"),
    "line ends of another system": lambda tree: [
        (tree / name).write_bytes((tree / name).read_bytes().replace(b"\n", b"\r\n"))
        for name in FILES if name.endswith((".py", ".yaml"))
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", SOILED)
def test_code_that_is_not_that_of_its_commit_is_seen(tree, kind):
    SOILED[kind](tree)
    assert provenance.environment("cpu")["dirty"]


@pytest.mark.parametrize("kind", CLEAN)
def test_a_folder_and_its_commit_have_one_checksum(tree, kind):
    CLEAN[kind](tree)
    where = provenance.environment("cpu")
    assert where["code"] == provenance.code_of(where["commit"])
    if kind != "line ends of another system":  # which git sees unless it was told to make them
        assert not where["dirty"]


def test_the_code_of_a_run_is_what_it_began_with(tree):
    before = provenance.code()
    edit(tree, "core/__init__.py", "x = 1\n")
    assert provenance.code() == before
    provenance.code.cache_clear()
    assert provenance.code() != before


def test_the_code_of_a_method_is_its_file_and_those_it_derives_from(tree):
    mine, other = {"_target_": "adapters.mine.Mine"}, {"a": [{"_target_": "adapters.other.Other"}]}
    before = provenance.method_code(mine), provenance.method_code(other)
    edit(tree, "adapters/mine.py", FILES["adapters/mine.py"] + "# more\n")
    assert provenance.method_code(mine) == before[0]  # a run keeps what it began with
    provenance.of_modules.cache_clear()
    assert provenance.method_code(mine) != before[0]
    assert provenance.method_code(other) == before[1]
    edit(tree, "adapters/base.py", "class Base: answer = 42\n")
    provenance.of_modules.cache_clear()
    assert provenance.method_code(other) != before[1]


@pytest.mark.parametrize("fact", SAME_RUN)
def test_each_fact_that_differs_is_said_and_one_that_nobody_knows_is_not(fact):
    then = dict.fromkeys(SAME_RUN, "a")
    assert changes(then, then, SAME_RUN) == ""
    assert changes(then, then | {fact: "b"}, SAME_RUN) == SAME_RUN[fact]
    assert changes({k: v for k, v in then.items() if k != fact}, then, SAME_RUN) == ""


def test_several_differences_are_one_clause():
    assert changes(
        {"shots_sha256": "a", "reference_sha256": "a", "reference_pixels_sha256": "a"},
        {"shots_sha256": "b", "reference_sha256": "b", "reference_pixels_sha256": "b"}, SAME_RUN,
    ) == "the shots were others and the reference was another"  # fmt: skip
