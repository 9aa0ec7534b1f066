"""The real work, as a user types it: from published files, thin and made by formula, to rows of a
leaderboard at 256 px and a stylised photo at 1024 px.
"""

import csv
import io
import json
import re

import pytest
import torch
from PIL import Image
from safetensors import safe_open

from benchmarks import fetch, leaderboard, run, stylize
from benchmarks.harness.io import external_weights
from benchmarks.harness.records.record import Record
from core import conversion
from core.networks.discriminator import Discriminator
from core.networks.generator import Generator
from tests.golden import formula
from tests.helpers import checkpoints

pytestmark = pytest.mark.exhaustive  # a minute and a half in all

THIN = {4: 16, 8: 16, 16: 16, 32: 16, 64: 16, 128: 8, 256: 4, 512: 4, 1024: 4}
SHOTS = 3
SMALL = ("length=smoke", "eval=smoke", "eval.samples=8", f"data.shots={SHOTS}")
GUIDED = ("source.invert.perceptual=guide", "source.invert.steps=2", "source.invert.candidates=8")
METHODS = {
    "finetune": [],
    "freezed": [],
    "freezeg": [],
    "freezesg": [],
    "freezefc": [],
    "structure": [],
    "ewc": [],
    "cdc": [],
    "rssa": ["method.batch_size=1"],  # 2 GB a picture where any two places are compared
    "jojogan": ["method.identity.network=guide"],
    "jojogan_colour": ["method.identity.network=guide"],
    "dualstylegan": ["method.style.guide=guide"],
}


def pair(side):
    """Untrained networks of published depths and few channels, whose latents are seen."""
    channels = {r: c for r, c in THIN.items() if r <= side}
    about = {"img_resolution": side, "channels": channels}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        g = Generator(z_dim=16, w_dim=16, mapping_layers=8, conv_clamp=None, **about)
        d = Discriminator(mbstd_group=4, conv_clamp=None, **about)
        g.mapping.w_avg.copy_(g.mapping(torch.randn(64, 16), truncation_psi=1)[:, 0].mean(0))
    return g, d


def rosinality(path, side, *parts):
    tree = checkpoints.rosinality_tree(*pair(side))
    tree["g_ema"] = tree["g"]
    return checkpoints.rosinality(path, {part: tree[part] for part in parts or tree})


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A user's folder, of pictures and a photo; nothing is in the cache."""
    folder = tmp_path_factory.mktemp("rehearsal")
    (folder / "pictures").mkdir()
    for i in range(6):
        picture = Image.fromarray(formula.image_u8("rehearsal", str(i), 320, 280))
        picture.save(folder / "pictures" / f"{i}.png")
    Image.fromarray(formula.image_u8("rehearsal", "photo", 600, 600)).save(folder / "photo.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STYLESHIFT_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        yield folder


def line(home, *words):
    own = ("data=folder", f"data.root={home}/pictures", f"folder={home}/results")
    return [*own, *SMALL, *words]


def fetched(name, path, capsys):
    """`fetch --from` of a file, which then lies where sources look for it."""
    assert fetch.main([name, "--from", str(path)]) == 0
    assert "next: python -m benchmarks.run " in capsys.readouterr().err
    assert external_weights.entry(name).state == "present"


def record_of(home, method, source):
    """The only record of a method on a source, which is made one of committed code."""
    (path,) = (home / "results" / "runs").glob(f"{method}--folder--{source}--*.json")
    record = Record.read(path)
    content = json.loads(path.read_text())
    content["provenance"]["dirty"] = False
    path.write_text(json.dumps(content))
    return record


def methods_shown(home, source, capsys):
    """Methods that have a row of a leaderboard."""
    capsys.readouterr()
    words = ["--folder", str(home / "results"), "--source", source, "--format", "csv"]
    assert leaderboard.main(words) == 0
    return {row["method"] for row in csv.DictReader(io.StringIO(capsys.readouterr().out))}


@pytest.fixture(scope="module")
def ffhq256(home):
    return rosinality(home / "550000.pt", 256)


@pytest.fixture
def in_cache(ffhq256):
    """Its file where `fetch` puts it, whichever test comes first."""
    if external_weights.entry("ffhq256-rosinality").state == "missing":
        assert fetch.main(["ffhq256-rosinality", "--from", str(ffhq256)]) == 0


def test_a_file_that_is_missing_is_said_with_the_command_that_brings_it(home, ffhq256, capsys):
    external_weights.entry("ffhq256-rosinality").path.unlink(missing_ok=True)  # of another test
    assert run.main(line(home, "source=ffhq256", "method=finetune")) == 2
    assert "`python -m benchmarks.fetch ffhq256-rosinality` puts it at" in capsys.readouterr().err
    fetched("ffhq256-rosinality", ffhq256, capsys)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_goes_from_the_file_to_its_row(home, ffhq256, in_cache, capsys, method):
    words = line(home, "source=ffhq256", f"method={method}", *METHODS[method], *GUIDED)
    assert run.main(words) == 0
    record = record_of(home, method, "ffhq256")
    assert record.provenance.weights_sha256 == conversion.checksum(ffhq256)
    assert record.cost.images > 0
    assert record.metrics
    (out,) = (home / "results" / "out").glob(f"{method}--folder--ffhq256--*")
    with safe_open(out / "generator.safetensors", "pt") as file:
        assert '"img_resolution": 256' in str(file.metadata())
    assert method in methods_shown(home, "ffhq256", capsys)


def test_an_official_pickle_is_a_source_and_photographs_are_measured(home, capsys):
    file = checkpoints.nvidia(home / "ffhq-res256-mirror-paper256-noaug.pkl", *pair(256))
    fetched("ffhq256-paper", file, capsys)
    photos = (f"data.photos_root={home}/pictures", "data.photos=2", "eval.photos=2")
    words = line(home, "source=ffhq256_paper", "method=freezesg", *GUIDED, *photos)
    assert run.main(words) == 0
    record = record_of(home, "freezesg", "ffhq256_paper")
    assert record.provenance.weights_sha256 == conversion.checksum(file)
    assert record.provenance.photos_sha256
    assert "freezesg" in methods_shown(home, "ffhq256_paper", capsys)


def test_a_generator_of_1024_px_stylises_a_photo(home, capsys):
    file = rosinality(home / "stylegan2-ffhq-config-f.pt", 1024, "g_ema", "latent_avg")
    fetched("ffhq1024-config-f", file, capsys)
    one = ("method=jojogan_released", "method.images=1", "method.batch_size=1", "data.shots=1")
    words = line(home, "source=ffhq1024_config_f", *one, "eval.samples=2", *GUIDED)
    assert run.main(words) == 2
    assert "source.discriminator=fresh" in capsys.readouterr().err
    assert run.main([*words, "source.discriminator=fresh"]) == 0
    assert record_of(home, "jojogan_released", "ffhq1024_config_f").cost.images == 1
    assert "jojogan_released" in methods_shown(home, "ffhq1024_config_f", capsys)
    results = ["--folder", str(home / "results"), "--to", str(home / "stylised")]
    named = "jojogan_released--folder--ffhq1024_config_f"
    assert stylize.main([named, str(home / "photo.png"), *results]) == 0
    with Image.open(home / "stylised" / "photo.png") as picture:
        assert picture.size == (1024, 1024)
        assert all(low < high for low, high in picture.getextrema())


@pytest.mark.parametrize(
    ("words", "lacking"),
    [
        (["eval=faces"], ["mobilefacenet"]),
        (["eval=paper"], ["inception-pt"]),
        (["eval=paper", "method=jojogan"], ["arcface-irse50", "lpips-vgg"]),
        (["eval=paper", "method=dualstylegan"], ["lpips-vgg", "arcface-irse50"]),
    ],
)
def test_what_an_evaluation_of_real_faces_lacks_is_said_first(
    home, in_cache, capsys, words, lacking
):
    before = sorted((home / "cache").rglob("*"))
    words = [*line(home, "source=ffhq256", f"folder={home}/refused"), *words]
    assert run.main(words) == 2
    said = capsys.readouterr()
    (sentence,) = said.err.strip().splitlines()
    for name in lacking:
        assert re.search(rf"`python -m benchmarks.fetch [^`]*\b{name}\b", sentence)
    assert not said.out
    assert not list((home / "refused").glob("runs/*"))
    assert sorted((home / "cache").rglob("*")) == before  # not even converted
