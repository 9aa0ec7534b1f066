"""What README and docs name exists: links, anchors, commands, choices, imports."""

import importlib
import os
import re
import subprocess
import sys

import pytest

from benchmarks.harness.config import validation
from core.paths import CONF, ROOT

README, CONTRIBUTING = ROOT / "README.md", ROOT / "CONTRIBUTING.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, CONTRIBUTING, *DOCS]
MOST_WORDS = 900  # of the README: two screens
LAUNCHERS = {"submitit_slurm", "ray"}  # of Hydra's plug-ins, which are optional
DESCRIBED = {
    "method": "methods",
    "data": "data",
    "source": "sources",
    "eval": "metrics_and_protocols",
}
GROUPS = (*validation.GROUPS, "hydra/launcher")

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = r"python3? -m benchmarks\.([a-z]\w*)"
OPTION = r"(?<![\w-])(--[a-z][a-z-]*)"
OTHERS = {"--help", "--cfg"}  # Hydra's
CHOICE = re.compile(rf"(?<![\w.])({'|'.join(GROUPS)})=([a-z0-9_]+(?:,[a-z0-9_]+)*)(?![\w/~.(*])")
NAME = re.compile(r"`((?:core|benchmarks)(?:\.\w+)+)`")


PUBLIC = (ROOT / "docs" / "public_api.md").read_text(encoding="utf-8")
EXAMPLES = [code for language, code in FENCE.findall(PUBLIC) if language == "python"]


def name(page):
    return str(page.relative_to(ROOT))


def text(page):
    return page.read_text(encoding="utf-8")


def prose(page):
    """The text without its blocks of code."""
    return FENCE.sub("", text(page))


def logical(page):
    """The text with continued lines of commands joined."""
    return text(page).replace("\\\n", " ")


def anchors(page):
    """Names of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    plain = [re.sub(r"\\|[^\w\s-]", "", title.lower()) for title in titles]
    return {title.strip().replace(" ", "-") for title in plain}


def links(page):
    """Relative links of a page: file, and anchor or ""."""
    for target in LINK.findall(prose(page)):
        if not target.startswith(("http://", "https://")):
            path, _, anchor = target.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


def named(pattern):
    """What a pattern finds on all pages."""
    found = {match for page in PAGES for match in re.findall(pattern, logical(page), re.MULTILINE)}
    return sorted(found)


def choices():
    """Every group=name that a page names, one at a time."""
    found = set()
    for page in PAGES:
        for line in logical(page).splitlines():
            for group, values in CHOICE.findall(line):
                if not (group == "source" and "benchmarks.prepare" in line):  # there it is a path
                    found |= {(group, value) for value in values.split(",")}
    return sorted(found)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_leads_somewhere(page):
    for path, anchor in links(page):
        assert path.exists(), path
        assert not anchor or anchor in anchors(path), f"{path.name} has no heading #{anchor}"


def test_the_readme_is_two_screens():
    assert len(text(README).replace("|", " ").split()) <= MOST_WORDS


def test_every_page_is_reached_from_the_readme_and_from_the_index():
    for start in (README, ROOT / "docs" / "index.md"):
        reached = {path for path, _ in links(start)} | {ROOT / "docs" / "index.md"}
        assert set(DOCS) <= reached


@pytest.mark.parametrize("command", named(COMMAND))
def test_every_command_exists(command):
    assert (ROOT / "benchmarks" / f"{command}.py").is_file()


@pytest.mark.parametrize("option", named(OPTION))
def test_every_option_exists(option):
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "benchmarks").rglob("*.py"))
    assert option in OTHERS or any(f'"{option}"' in source for source in sources)


def test_every_command_is_described():
    own = {path.stem for path in (ROOT / "benchmarks").glob("[!_]*.py")}
    described = set(re.findall(r"^\| `(\w+)` \|", text(ROOT / "docs" / "index.md"), re.MULTILINE))
    assert own == described


@pytest.mark.parametrize(("group", "value"), choices())
def test_every_choice_exists(group, value):
    there = {path.stem for path in (CONF / group).glob("*.yaml")}
    assert value in (there | LAUNCHERS if group == "hydra/launcher" else there)


@pytest.mark.parametrize(("group", "page"), DESCRIBED.items())
def test_every_choice_of_a_group_is_described(group, page):
    described = set(re.findall(r"`(\w+)`", text(ROOT / "docs" / f"{page}.md")))
    assert set(validation.choices_of(group)) <= described


def test_every_metric_is_described(composed):
    page = text(ROOT / "docs" / "metrics_and_protocols.md")
    described = set(re.findall(r"`(\w+)`", page))
    for choice in validation.choices_of("eval"):
        for metric in composed(f"eval={choice}").eval.metrics:
            assert metric.partition("@")[0] in described


@pytest.mark.parametrize("dotted", NAME.findall(PUBLIC))
def test_every_public_name_can_be_imported(dotted):
    module, _, last = dotted.rpartition(".")
    try:
        importlib.import_module(dotted)
    except ModuleNotFoundError:
        assert hasattr(importlib.import_module(module), last)


def test_every_example_of_the_public_interface_runs(tmp_path):
    paths = [tmp_path / f"example_{i}.py" for i in range(len(EXAMPLES))]
    for path, code in zip(paths, EXAMPLES, strict=True):
        path.write_text(code, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    # Each has names of its own; the process is one, since imports take longer than the examples.
    each = "import runpy, sys\nfor path in sys.argv[1:]:\n    runpy.run_path(path)"
    line = [sys.executable, "-c", each, *map(str, paths)]
    done = subprocess.run(line, cwd=ROOT, env=environment, check=False)
    assert paths
    assert done.returncode == 0
