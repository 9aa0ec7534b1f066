"""What all domains have in common, and the yaml files that name them."""

import re

import lightning as L
import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image

from benchmarks import parafaces
from benchmarks.harness.data.domains import About, FolderDomain
from benchmarks.harness.data.domains.parafaces import SPLITS

DATA = SPLITS.parent
RUN = {"resolution": 32, "images": 40, "batch_size": 8, "seed": 0, "xflip": True}
FOLDER = {
    "reference_root": "",
    "splits": "",
    "shots": 10,
    "draw": 0,
    "framing": "crop",
    "box": (0, 0, 1, 1),
    "filter": "lanczos",
    "about": About("", "", False, "", "", 0, 0, ""),
    "skip_broken": False,
    "reference": 2000,
    "reference_minimum": 50,
    "photos_root": "",
    "photos": 5,
}


def fill(root, count, *, size=32, start=0):
    """`count` pictures of noise, all different."""
    root.mkdir(parents=True, exist_ok=True)
    for i in range(start, start + count):
        pixels = np.random.default_rng(i).integers(0, 256, (size, size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / f"{i:04}.png")
    return root


def folder(root, **changes):
    return FolderDomain(root=str(root), **{**FOLDER, **RUN, **changes})


@pytest.fixture(scope="module")
def twelve(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("pictures") / "twelve", 12)


def test_a_run_shows_exactly_its_images(twelve):
    batches = list(folder(twelve, images=43).train_dataloader())
    assert [len(images) for images, _ in batches] == [8] * 5
    assert sorted(torch.cat([ids for _, ids in batches]).unique()) == list(range(10))


def test_a_run_may_begin_in_the_middle(twelve):
    whole, late = folder(twelve), folder(twelve)
    late.set_position(16)
    for (a, i), (b, j) in zip(
        list(whole.train_dataloader())[2:], late.train_dataloader(), strict=True
    ):
        assert torch.equal(a, b)
        assert torch.equal(i, j)
    with pytest.raises(ValueError, match="no whole batches"):
        late.set_position(3)


class Watcher(L.LightningModule):
    """Writes down which pictures it is shown."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen, self.numbers = [], []

    def training_step(self, batch, batch_idx):
        images, ids = batch
        assert images.shape == (8, 3, 32, 32)
        self.seen += ids.tolist()
        self.numbers.append(batch_idx)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.0)


@pytest.mark.parametrize(("seen", "batches"), [(0, 5), (24, 2)])
def test_lightning_shows_every_batch_once(twelve, seen, batches):
    domain, watcher = folder(twelve), Watcher()
    domain.set_position(seen)
    trainer = L.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    trainer.fit(watcher, datamodule=domain)
    expected = [i for _, ids in folder(twelve).train_dataloader() for i in ids.tolist()]
    assert watcher.seen == expected[seen:]
    assert watcher.numbers == list(range(batches))


def settings(name, **given):
    """A data yaml as the runner composes it, with stand-ins for the other groups."""
    with initialize_config_dir(str(DATA), version_base="1.3"):
        data = compose(name)
    OmegaConf.set_struct(data, False)
    whole = {
        "seed": 0,
        "source": {"resolution": 32},
        "method": {"images": 40, "batch_size": 8},
        "machine": {"cache": "/nowhere"},
        "data": {**OmegaConf.to_container(data), **given},
    }
    return OmegaConf.create(whole).data


NAMES = sorted(path.stem for path in DATA.glob("[a-z]*.yaml"))


DRAWN = [name for name in NAMES if name.startswith("parafaces_")]
SETS = [name for name in NAMES if name not in DRAWN and name != "folder"]


@pytest.mark.parametrize("name", DRAWN)
def test_every_parafaces_yaml_builds_its_domain(name):
    domain = instantiate(settings(name), _convert_="object")
    assert domain.style in name or name == "parafaces_pairs"
    assert domain.name == f"parafaces_{domain.style}"
    assert domain.images == 40


def test_the_folder_yaml_builds_a_domain_once_it_has_a_root(twelve):
    with pytest.raises(InstantiationException, match=r"data\.root must be given"):
        instantiate(settings("folder"), _convert_="object")
    domain = instantiate(settings("folder", root=str(twelve)), _convert_="object")
    assert len(domain.shots) == 10


def test_streamed_shots_are_the_shots(twelve):
    domain = instantiate(settings("folder", root=str(twelve)), _convert_="object")
    streamed, shots = domain.streamed(torch.device("cpu")), domain.shots
    assert len(streamed) == len(shots)
    some = torch.tensor([3, 0, 3])
    for which in (slice(None), slice(2, 5), [1, 4], some, 3, -1):
        assert torch.equal(streamed[which], shots[which])
    assert torch.equal(torch.stack(list(streamed)), shots)
    for part, same in zip(streamed.split(4), shots.split(4), strict=True):
        assert torch.equal(part, same)


@pytest.mark.parametrize("name", SETS)
def test_every_published_set_says_what_it_is_and_how_it_is_had(name):
    data = settings(name)
    about = instantiate(data.about)
    assert about.title
    assert about.licence
    assert about.place
    assert about.obtain.endswith(".")
    assert data.splits == name.removesuffix("_tight")
    with pytest.raises(InstantiationException, match=re.escape(about.obtain)):
        instantiate(data, _convert_="object")


@pytest.mark.parametrize("name", [name for name in SETS if not name.startswith("cufs")])
def test_every_published_set_is_built_from_a_folder(name, twelve):
    data = settings(name, root=str(twelve))
    domain = instantiate(data, _convert_="object")
    assert domain.shots.shape == (data.shots, 3, 32, 32)
    assert any(domain.about.licence in note for note in domain.notes)


def test_the_yaml_files_are_the_domains_that_there_are():
    drawn = {f"parafaces_{style}" for style in parafaces.DOMAINS}
    assert drawn <= set(NAMES)
    assert "folder" in NAMES
