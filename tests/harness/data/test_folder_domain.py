import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.harness.data.domains import About, FolderDomain
from benchmarks.harness.data.domains.reader import Reader
from benchmarks.harness.data.files import files
from benchmarks.harness.data.pictures import WHOLE
from benchmarks.harness.data.preparation import archive
from core.errors import UserError

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


def rows(pixels):
    return {bytes(picture) for picture in np.asarray(pixels)}


@pytest.fixture(scope="module")
def sixty(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("pictures") / "sixty", 60)


def zipped(path, rows, numbers):
    """A prepared zip that says of all its pictures the same, whatever they show."""
    with archive.writing(path, {"resolution": 32}) as made:
        for row, number in zip(rows, numbers, strict=True):
            rng = np.random.default_rng(number)
            picture = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            made.add(picture, f"{row:064x}", f"{row}.png")
    return path


def test_a_prepared_zip_is_known_by_what_it_shows_and_not_by_what_it_says(tmp_path):
    def facts(numbers, **more):
        roots = {name: zipped(tmp_path / f"{name}.zip", range(60), [*numbers])
                 for name in ("root", "photos_root")}  # fmt: skip
        domain = folder(**roots, **more)
        return {"shots_sha256": domain.shots_sha256, **domain.facts}

    truth, said = facts(range(60)), ("data_sha256", "reference_sha256", "photos_sha256")
    other = facts(range(100, 160))
    assert [truth[key] for key in said] == [other[key] for key in said]
    for key in ("shots_sha256", "reference_pixels_sha256", "photos_pixels_sha256"):
        assert truth[key] != other[key]
    assert facts(range(60)) == truth


def test_a_plain_folder_is_known_by_its_files_alone(sixty):
    assert not [key for key in folder(sixty, photos_root=str(sixty)).facts if "pixels" in key]


def test_a_folder_gives_shots_and_holds_the_others_out(sixty):
    domain = folder(sixty)
    assert domain.name == "sixty"
    assert domain.shots.shape == (10, 3, 32, 32)
    assert domain.shots.min() >= -1
    assert domain.shots.max() <= 1
    assert domain.has_reference
    assert torch.cat(list(domain.reference())).shape == (50, 3, 32, 32)
    assert domain.notes[:2] == [
        "sixty: 10 shots (rule, draw 0) of 60 pictures.",
        "50 pictures beside the shots held out as the reference.",
    ]


def test_no_shot_is_in_the_reference_and_none_is_lost(sixty):
    domain = folder(sixty)
    shots, reference = rows(domain.training()), rows(domain.reference().pixels)
    assert not shots & reference
    assert len(shots | reference) == 60


def test_the_pixels_of_a_large_set_lie_in_a_file_that_nobody_sees(sixty, tmp_path, monkeypatch):
    held = folder(sixty)
    monkeypatch.setattr("benchmarks.harness.data.domains.reader.IN_MEMORY", 40 * 32 * 32 * 3)
    monkeypatch.setenv("STYLESHIFT_CACHE", str(tmp_path / "cache"))
    domain = folder(sixty)
    assert isinstance(domain.reference().pixels, np.memmap)
    assert not isinstance(domain.training(), np.memmap)  # ten shots are few
    assert torch.equal(torch.cat(list(domain.reference())), torch.cat(list(held.reference())))
    assert (domain.shots_sha256, domain.facts) == (held.shots_sha256, held.facts)
    assert not list((tmp_path / "cache").iterdir())


def test_a_broken_file_beyond_the_last_that_is_needed_is_not_missed(tmp_path):
    for path in sorted(fill(tmp_path / "mixed", 10).iterdir())[5:]:
        path.write_bytes(b"no picture")
    found = {str(i): file for i, file in enumerate(files(tmp_path / "mixed"))}
    for skips in (False, True):
        reader = Reader(32, framing="crop", sampling=WHOLE, skip_broken=skips)
        assert len(reader.select(found, found, 5)[0]) == 5
        assert reader.notes() == []
    assert len(reader.select(found, found, 6)[0]) == 5
    assert "5 files were unreadable" in reader.notes()[0]


def test_what_a_folder_does_not_know_is_absent_and_not_none(sixty):
    domain = folder(sixty)
    for empty in (domain.photos(), domain.translations(), domain.translation_landmarks()):
        assert len(empty) == 0
        assert list(empty) == []
    assert domain.landmark_pairs() == ()
    assert domain.style == ""


def test_the_shots_follow_the_bytes_and_the_draw_not_the_names(sixty, tmp_path):
    for place, path in enumerate(sorted(sixty.iterdir(), reverse=True)):
        (tmp_path / f"renamed {place}.png").write_bytes(path.read_bytes())
    here, there = folder(sixty), folder(tmp_path)
    assert torch.equal(here.shots, there.shots)
    assert here.shots_sha256 == there.shots_sha256
    assert folder(sixty, draw=1).shots_sha256 != here.shots_sha256
    assert folder(sixty, seed=1).shots_sha256 == here.shots_sha256


def test_fewer_shots_are_the_first_of_more(sixty):
    assert torch.equal(folder(sixty, shots=5).shots, folder(sixty).shots[:5])


def test_another_picture_in_the_folder_changes_at_most_one_shot(sixty, tmp_path):
    for path in sixty.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    fill(tmp_path, 1, start=1000)
    assert len(rows(folder(sixty).training()) & rows(folder(tmp_path).training())) >= 9


def test_exact_repeats_are_left_out_and_counted(sixty, tmp_path):
    for path in sixty.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
        Image.open(path).save(tmp_path / f"again {path.stem}.bmp")
    domain = folder(tmp_path)
    assert len(rows(domain.training()) | rows(domain.reference().pixels)) == 60
    assert len(domain.reference()) == 50
    assert "50 files were left out: the same picture as another." in domain.notes
    assert "10 files were left out of the reference: they are shots." in domain.notes


def test_too_few_others_are_no_reference_and_that_is_said(tmp_path):
    domain = folder(fill(tmp_path, 59))
    assert not domain.has_reference
    assert list(domain.reference()) == []
    assert domain.notes[1].startswith("49 pictures beside the shots, fewer than the 50")
    assert "left out" in domain.notes[1]


def test_the_reference_is_limited(sixty):
    domain = folder(sixty, reference=20, reference_minimum=20)
    assert len(domain.reference()) == 20


def test_too_few_pictures_for_the_shots_is_one_sentence_with_the_way_out(tmp_path):
    fill(tmp_path, 7)
    with pytest.raises(
        UserError, match=r"7 pictures .* fewer than the 10 shots .* data\.shots=7\."
    ):
        folder(tmp_path)
    assert len(folder(tmp_path, shots=7).shots) == 7


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"just text", "is not a picture"),
        (b"\x89PNG\r\n\x1a\n" + bytes(9), "picture"),
    ],
)
def test_a_broken_file_stops_the_run_by_name_or_is_skipped_and_counted(tmp_path, content, said):
    fill(tmp_path, 12)
    (tmp_path / "bad one.jpg").write_bytes(content)
    with pytest.raises(UserError, match=rf"bad one\.jpg .*{said}.*data\.skip_broken=true"):
        folder(tmp_path)
    domain = folder(tmp_path, skip_broken=True)
    assert len(domain.shots) == 10
    assert any(
        note.startswith("1 file was unreadable and skipped") and "bad one.jpg" in note
        for note in domain.notes
    )


def test_a_truncated_picture_is_named(tmp_path):
    fill(tmp_path, 12)
    path = tmp_path / "0003.png"
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(UserError, match=r"0003\.png .*data\.skip_broken=true"):
        folder(tmp_path)
    assert len(folder(tmp_path, skip_broken=True).shots) == 10


def test_a_folder_of_broken_files_only_has_too_few_pictures(tmp_path):
    for i in range(12):
        (tmp_path / f"{i}.jpg").write_bytes(bytes([i]) * 50)
    with pytest.raises(UserError, match="holds 0 pictures that can be used"):
        folder(tmp_path, skip_broken=True)


def test_all_kinds_of_pictures_are_normalised_and_counted(tmp_path):
    fill(tmp_path, 8)
    Image.new("RGBA", (32, 32), (1, 2, 3, 9)).save(tmp_path / "a.png")
    Image.new("L", (8, 8), 7).save(tmp_path / "b.png")
    domain = folder(tmp_path)
    assert (
        "1 picture was partly transparent or had an alpha channel, and put on white."
        in domain.notes
    )
    assert "1 picture was in grey only and became RGB." in domain.notes
    assert "1 picture was smaller than 32 px and enlarged." in domain.notes


def test_how_the_pictures_were_framed_is_said(tmp_path):
    for i in range(10):
        Image.new("RGB", (40, 30), (i, 0, 0)).save(tmp_path / f"{i}.png")
    assert any("cut to the central square" in note for note in folder(tmp_path).notes)
    fitted = folder(tmp_path, framing="fit")
    assert any("repeating the edge pixels" in note for note in fitted.notes)


def test_the_folder_that_one_stands_in_is_as_good_as_its_path(sixty, monkeypatch):
    monkeypatch.chdir(sixty)
    own, other = folder("."), folder(sixty)
    assert own.shots_sha256 == other.shots_sha256
    assert own.notes == other.notes


def test_a_zip_is_as_good_as_a_folder(sixty, tmp_path):
    with zipfile.ZipFile(tmp_path / "sixty.zip", "w") as archive:
        for path in sixty.iterdir():
            archive.write(path, f"00000/{path.name}")
    assert torch.equal(folder(tmp_path / "sixty.zip").shots, folder(sixty).shots)
    assert folder(tmp_path / "sixty.zip").name == "sixty"


def test_photos_may_come_from_a_folder_of_their_own(sixty, tmp_path):
    domain = folder(sixty, photos_root=str(fill(tmp_path, 9, start=500)))
    assert len(domain.photos()) == 5
    assert next(iter(domain.photos())).shape == (5, 3, 32, 32)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"root": ""}, "data.root must be given"),
        ({"root": 2024}, "2024 does not exist"),
        ({"root": "a\0b"}, "does not exist"),
        ({"root": "/no/such/place"}, "/no/such/place does not exist"),
        ({"framing": "stretch"}, "framing is 'stretch'; choose crop or fit"),
        ({"resolution": 48}, "data.resolution=48 is no power of two"),
        ({"images": 7}, "method.images=7 is fewer than one batch of 8"),
        ({"photos_root": "/no/photos"}, "/no/photos does not exist"),
    ],
)
def test_what_a_user_mistypes_is_one_clear_sentence(sixty, changes, said):
    with pytest.raises(UserError, match=said):
        FolderDomain(**{"root": str(sixty), **FOLDER, **RUN, **changes})


def test_an_empty_folder_is_one_clear_sentence(tmp_path):
    with pytest.raises(UserError, match="There is no picture"):
        folder(tmp_path)
