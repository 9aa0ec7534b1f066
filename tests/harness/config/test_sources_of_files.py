"""Sources by the path of a file, and by the name of a published one."""

import shlex

import pytest
from hydra.errors import InstantiationException

from benchmarks import convert, fetch, run
from benchmarks.harness.config.build import build
from benchmarks.harness.config.compose import compose, replacing
from benchmarks.harness.config.files import plain
from benchmarks.harness.config.validation import choices_of
from benchmarks.harness.io import external_weights
from benchmarks.harness.stylize.find_run import find_run
from benchmarks.harness.sweep.plan import plan
from core import conversion, weights
from core.errors import UserError
from core.paths import CONF
from tests.helpers import checkpoints

THIN = {4: 4, 8: 4, 16: 4, 32: 4, 64: 4, 128: 4, 256: 4}
DATA = ("method=finetune", "data=folder", "data.root=PICTURES")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLESHIFT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HERE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


def published(path, *parts, top=16):
    """A file of rosinality's at a size, with some of its parts."""
    path.parent.mkdir(exist_ok=True)
    pair = checkpoints.pair(channels={r: c for r, c in THIN.items() if r <= top})
    tree = checkpoints.rosinality_tree(*pair)
    return checkpoints.rosinality(path, {part: tree[part] for part in parts or tree})


@pytest.mark.parametrize(
    ("file", "word", "name"),
    [
        ("a.pt", "source={here}/a.pt", "a"),
        ("my dir/a b.pt", "source=my dir/a b.pt", "a-b"),
        ("a.pt", "source=a.pt", "a"),
        ("a.pt", "source.weights=a.pt", "a"),
        ("a.pt", "source=./a.pt", "a"),
        ("noending", "source={here}/noending", "noending"),
        ("par(1),x--y.pt", "source='{here}/par(1),x--y.pt'", "par-1-x-y"),
        ("a.pt", "source=${{oc.env:HERE}}/a.pt", "a"),
    ],
)
def test_a_path_is_a_source_of_the_files_name_and_size(tmp_path, file, word, name):
    path = published(tmp_path / file)
    job = compose([*DATA, word.format(here=tmp_path)])
    source = job.checked().cfg.source
    assert (source.name, source.resolution, job.cfg.data.resolution) == (name, 16, 16)
    assert job.source == job.run_id.head["source"] == name
    assert build(source).sha256 == conversion.checksum(path)
    typed = compose([*DATA, *job.run_id.head["overrides"]])
    assert typed.place == job.place


def test_where_one_stands_is_no_part_of_an_id(tmp_path, monkeypatch):
    published(tmp_path / "a.pt")
    here = compose([*DATA, "source=a.pt"]).place.recipe
    monkeypatch.chdir("/")
    assert compose([*DATA, f"source={tmp_path}/a.pt"]).place.recipe == here


def test_weights_of_ones_own_have_no_checksum_or_size_of_others(tmp_path):
    published(tmp_path / "a.pt")
    source = compose(
        [*DATA, "source=photo64", "source.weights=a.pt", "source.name=mine"]
    ).cfg.source
    assert (source.name, source.sha256, source.resolution) == ("mine", "", 16)
    assert source.licence.startswith("non-commercial")


def test_what_cannot_be_a_source_is_said(tmp_path, capsys):
    (tmp_path / "bad.pt").write_bytes(b"<html>")
    said = {
        "source=absent.pt": f"There is no file {tmp_path}/absent.pt.",
        "source=file": "source=file is named by its path: source=/path/to/checkpoint.",
        "source=bad.pt": "is a web page",
        "source=par(1).pt": "write \"source.weights='par(1).pt'\"",
        "source=nosuch": "There is no source 'nosuch'",
        "source=a.pt,b.pt": "-m before it",
    }
    for word, sentence in said.items():
        assert run.main([*DATA, word]) == 2
        refused = capsys.readouterr().err.splitlines()
        assert sentence in refused[-1]
        assert "Traceback" not in refused[0]


def test_several_files_are_swept(tmp_path):
    for name in ("a.pt", "b.pt"):
        published(tmp_path / name)
    jobs = plan([*DATA, "source=a.pt,b.pt,parafaces64", "seed=0"]).jobs
    assert {job.point["source"] for job in jobs} == {"a.pt", "b.pt", "parafaces64"}
    (first,) = (job for job in jobs if job.point["source"].endswith("a.pt"))
    assert first.content()["weights_sha256"] == conversion.checksum(tmp_path / "a.pt")
    assert replacing(["source=a.pt,b.pt"]) == ["source=file", "source.weights=a.pt,b.pt"]
    with pytest.raises(UserError, match="mixes names and files"):
        replacing(["source=a.pt,parafaces64"])


PUBLISHED = [name for name in choices_of("source") if name.startswith("ffhq")]


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_source_is_an_entry_of_the_list_with_its_licence(name):
    node = plain(CONF / "source" / f"{name}.yaml")
    entry = external_weights.entry(node["weights"])
    assert entry.kind == "source"
    assert node["licence"] == entry.licence
    assert str(node["resolution"]) in name
    assert node["name"] == name
    assert f"source={name} " in entry.then


def test_a_published_source_is_fetched_and_used(tmp_path, cache, capsys):
    line = [*DATA, f"data.root={published(tmp_path / 'x' / 'f.pt', top=256).parent}"]
    assert run.main([*line, "source=ffhq256"]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert "python -m benchmarks.fetch ffhq256-rosinality" in said
    swept = ["method=finetune", "data=metfaces", "data.root=/x", "seed=0"]
    left = plan([*swept, "source=glob([ffhq256,file,tiny])"]).left_out
    assert set(left) == {"source=ffhq256", "source=file"}
    assert fetch.main(["ffhq256-rosinality", "--from", str(tmp_path / "x" / "f.pt")]) == 0
    said = capsys.readouterr().err
    assert "next: python -m benchmarks.run method=finetune source=ffhq256 " in said
    job = compose([*line, "source=ffhq256"]).checked()
    source = build(job.cfg.source)
    assert (source.name, source.resolution) == ("ffhq256", 256)
    assert source.licence == external_weights.entry("ffhq256-rosinality").licence
    (of_plan,) = plan([*line, "source=ffhq256", "seed=0"]).jobs
    assert of_plan.content()["weights_sha256"] == source.sha256
    assert str(cache) not in str(job.run_id.config)
    assert build(job.cfg.method, source).d.config["img_resolution"] == 256


@pytest.mark.exhaustive  # a composition each
def test_the_next_commands_mean_something():
    lines = {entry.then for entry in external_weights.listed().values()} - {""}
    assert len(lines) > 12
    for line in lines:
        python, _, command, *words = line.split()
        assert python == "python"
        if command == "benchmarks.run":
            compose(words).checked()
    assert set(external_weights._content()["then"]) <= set(external_weights.listed())


@pytest.mark.parametrize("parts", [(), ("g_ema", "latent_avg")])
def test_a_conversion_ends_with_the_command_that_uses_it(tmp_path, capsys, parts):
    target = tmp_path / "a b (1).safetensors"
    assert convert.main([str(published(tmp_path / "f.pt", *parts)), str(target)]) == 0
    said = capsys.readouterr().out.replace("\n", " ")
    words = shlex.split(said.split("next: python -m benchmarks.run ")[1])
    source = compose(words).checked().cfg.source
    assert source.weights == str(target)
    assert source.discriminator == ("fresh" if parts else "")
    assert build(source).d.config["img_resolution"] == 16
    assert convert.main([str(published(tmp_path / "d.pt", "d")), str(target)]) == 0
    assert "next" not in capsys.readouterr().out


def test_a_generator_alone_lacks_a_discriminator_until_one_is_named(tmp_path, capsys):
    (tmp_path / "pictures").mkdir()
    published(tmp_path / "g.pt", "g_ema")
    published(tmp_path / "whole.pt")
    line = ["method=finetune", "data=folder", "data.root=pictures", "source=g.pt"]
    assert run.main(line) == 2  # before the pictures, of which there are none
    said = capsys.readouterr().err.splitlines()[-1]
    for choice in ("source.discriminator=FILE", "source.discriminator=fresh", "16 px"):
        assert choice in said
    ids = set()
    for choice in ("fresh", "whole.pt"):
        job = compose([*line, f"source.discriminator={choice}"])
        source = build(job.checked().cfg.source)
        assert build(job.cfg.method, source).d.config == source.d.config
        assert f"source.discriminator={choice}" in job.run_id.head["overrides"]
        ids.add((job.place.recipe, source.sha256))
    assert len(ids) == 2
    older = compose([*DATA, "source.weights=g.pt", "source.discriminator=fresh"])
    assert build(older.checked().cfg.source).d
    with pytest.raises(UserError, match=r"no option 'source.discriminator'"):
        compose([*DATA, "source=tiny", "source.discriminator=fresh"]).checked()


def test_a_published_generator_can_be_shown(tmp_path):
    run = find_run(str(published(tmp_path / "f.pt")), tmp_path, whole=False)
    assert run.name == "f.pt"
    assert set(weights.read(run.weights)[0]) == {"g_ema", "g", "d"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("source=photo64 data=metfaces", "data=metfaces_tight goes with this source"),
        ("source=photo64 data=cufs", "data=cufs_tight goes with this source"),
        ("source=photo64 data=aahq", "data.box=.* cuts these as you say"),
        ("source=parafaces64 data=metfaces_tight", "data=metfaces goes with this source"),
        ("source=ffhq256 data=utkface", "ffhq256 shows all of FFHQ's square"),
        ("source=photo64 data=metfaces_tight", ""),
        ("source=photo64 data=cufs_tight", ""),
        ("source=photo64 data=utkface", ""),
        ("source=ffhq256 data=cufs", ""),
        ("source=photo64 data=folder", ""),
        ("source=photo64 data=anime", ""),
        ("source=blank64 data=utkface", ""),
        ("source=photo64 data=metfaces data.box=[0.2,0.2,0.8,0.8]", ""),
        ("source=photo64 data=metfaces source.box=[0,0,1,1]", ""),
    ],
)
def test_framings_that_contradict_each_other_are_refused(words, said):
    line = ["method=finetune", "data.root=/x", "seed=0", *words.split()]
    if not said:
        compose(line).checked()
        return
    with pytest.raises(UserError, match=said):
        compose(line).checked()
    with pytest.raises(UserError, match=said):
        plan(line)


def test_parafaces_at_a_size_that_is_not_drawn_say_what_fits():
    job = compose(["method=finetune", "source=ffhq512", "data=parafaces_clay"])
    with pytest.raises(InstantiationException, match=r"32, 64, 128, 256 px; .*data=folder"):
        build(job.cfg.data)
