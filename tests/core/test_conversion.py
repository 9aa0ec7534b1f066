"""Published files as sources: converted once, whoever comes first; discriminators of choice."""

import multiprocessing

import pytest
import torch

from core import conversion, convert, weights
from core.atomic import PART
from core.convert import CheckpointError
from core.errors import UserError
from core.source import load
from tests.helpers import checkpoints


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLESHIFT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "sources"


def of(path, **more):
    return load(name="mine", weights=str(path), sha256="", resolution=16, invert=None, **more)


def same(one, other):
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(key == name and torch.equal(a, b) for (key, a), (name, b) in pairs)


def rosinality(folder, *parts, name="f.pt", old=False):
    tree = checkpoints.rosinality_tree(*checkpoints.pair())
    return checkpoints.rosinality(
        folder / name, {part: tree[part] for part in parts or tree}, old=old
    )


LAYOUTS = {
    "zip": rosinality,
    "old": lambda folder: rosinality(folder, old=True),
    "pSp's source": lambda folder: rosinality(folder, "g_ema", "latent_avg"),
    "jojo": lambda folder: rosinality(folder, "g"),
    "nvidia": lambda folder: checkpoints.nvidia(folder / "a.pkl", *checkpoints.pair()),
    "tensorflow": lambda folder: checkpoints.tensorflow(folder / "t.pkl", *checkpoints.pair()),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_published_file_is_a_source_and_converted_once(cache, tmp_path, layout, capfd):
    path = LAYOUTS[layout](tmp_path)
    networks = convert.load(path)
    assert conversion.resolution(path) == 16
    source = of(path)
    assert same(source.g, networks.get("g_ema", networks.get("g")))
    assert (source.discriminator is None) == ("d" not in networks)
    assert source.sha256 == conversion.checksum(path)
    (kept,) = cache.glob("*.safetensors")
    before = kept.stat()
    of(path)
    assert kept.stat().st_mtime_ns == before.st_mtime_ns
    assert capfd.readouterr().err.count("is converted, once") == 1


def test_a_file_of_ours_is_used_as_it_is(cache, tmp_path):
    g, d = checkpoints.pair()
    weights.write(tmp_path / "ours.safetensors", {"g_ema": g, "d": d}, {})
    assert conversion.ours(tmp_path / "ours.safetensors") == tmp_path / "ours.safetensors"
    assert conversion.resolution(tmp_path / "ours.safetensors") == 16
    assert not cache.exists()


def test_a_conversion_draws_nothing_that_the_next_start_would_not(cache, tmp_path):
    state = torch.random.get_rng_state()
    conversion.ours(rosinality(tmp_path))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_another_file_of_the_same_name_is_converted_anew(cache, tmp_path):
    first = conversion.ours(rosinality(tmp_path))
    assert conversion.ours(rosinality(tmp_path, "g_ema", "latent_avg")) != first


def converted(path, ready, found):
    ready.wait()
    found.put(str(conversion.ours(path)))


def test_processes_at_once_find_one_file_whole(cache, tmp_path):
    path, way = rosinality(tmp_path), multiprocessing.get_context("fork")
    ready, found = way.Event(), way.Queue()
    workers = [way.Process(target=converted, args=(path, ready, found)) for _ in range(3)]
    for worker in workers:
        worker.start()
    ready.set()
    assert len({found.get(timeout=60) for _ in workers}) == 1
    for worker in workers:
        worker.join()
    assert of(path).d.config["img_resolution"] == 16


def test_what_a_killed_process_began_is_not_taken_and_goes(cache, tmp_path):
    path = rosinality(tmp_path)
    cache.mkdir(parents=True)
    begun = cache / f"{conversion.checksum(path)}-{conversion.VERSION}.safetensors.1{PART}"
    begun.write_bytes(b"half")
    assert of(path).resolution == 16
    assert not begun.exists()


def test_what_is_no_source_is_one_sentence_and_leaves_nothing(cache, tmp_path):
    (tmp_path / "page.pt").write_bytes(b"<html>")
    bare = rosinality(tmp_path, "d", name="d.pt")
    said = {
        tmp_path / "absent.pt": (UserError, "no file"),
        tmp_path: (UserError, "no file"),
        tmp_path / "page.pt": (CheckpointError, "web page"),
        bare: (UserError, r"no Generator as g_ema or g, but d \(Discriminator\)"),
    }
    for path, (kind, sentence) in said.items():
        with pytest.raises(kind, match=sentence):
            conversion.resolution(path)
    assert len(list(cache.glob("*.safetensors"))) == 1


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "taken").write_bytes(b"")
    monkeypatch.setenv("STYLESHIFT_CACHE", str(tmp_path / "taken"))
    with pytest.raises(UserError, match="cannot be written"):
        of(rosinality(tmp_path))


def test_a_discriminator_is_that_of_another_file_or_a_fresh_one(cache, tmp_path):
    alone = rosinality(tmp_path, "g_ema", "latent_avg", name="g.pt")
    other = rosinality(tmp_path, name="whole.pt")
    lent = of(alone, discriminator=str(other))
    assert same(lent.d, convert.load(other)["d"])
    one, again, another = (of(alone, discriminator="fresh", seed=seed) for seed in (0, 0, 1))
    assert same(one.d, again.d)
    assert not same(one.d, another.d)
    assert one.d.config["channels"] == one.g.config["channels"]
    replaced = of(other, discriminator="fresh")
    assert same(replaced.d, one.d)
    sums = [source.sha256 for source in (of(alone), lent, one, again, another, replaced)]
    assert sums[2] == sums[3]
    assert len(set(sums)) == 5


def test_a_discriminator_that_does_not_fit_is_said_with_its_file(cache, tmp_path):
    alone = rosinality(tmp_path, "g_ema", name="g.pt")
    g, d = checkpoints.pair(channels={4: 5, 8: 4})
    weights.write(tmp_path / "small.safetensors", {"g": g, "d": d}, {})
    said = {
        alone: "g.pt holds no Discriminator as d",
        tmp_path / "small.safetensors": "small.safetensors: d is of 8 px pictures, not of 16 px",
        tmp_path / "absent": "no file .*absent",
    }
    for place, sentence in said.items():
        with pytest.raises(UserError, match=sentence):
            of(alone, discriminator=str(place))
