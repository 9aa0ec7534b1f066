import numpy as np
import pytest
import torch

from benchmarks import parafaces
from benchmarks.harness.data.domains import ParaFacesDomain, ParaFacesTraining
from benchmarks.harness.data.domains.parafaces import PAIRS, SPLITS
from core.errors import UserError

RUN = {"resolution": 32, "images": 40, "batch_size": 8, "seed": 0, "xflip": True}
PEOPLE = {"shots": 10, "draw": 0, "reference": 6, "photos": 4, "pairs": 5}
STYLE = next((name for name in parafaces.DOMAINS if name != "photo"), "photo")


def people(tmp_path, kind=ParaFacesDomain, **changes):
    settings = {"style": STYLE, "cache": str(tmp_path), **PEOPLE, **RUN, **changes}
    return kind(**settings)


def rows(pixels):
    return {bytes(picture) for picture in np.asarray(pixels)}


def test_the_committed_lists_are_nested_disjoint_and_apart_from_all_held_out_people():
    lists = {
        (shots, draw): np.loadtxt(SPLITS / f"parafaces-{shots}-{draw}.txt", dtype=int, ndmin=2)
        for shots in (10, 5, 1)
        for draw in range(3)
    }
    for (shots, draw), listed in lists.items():
        assert listed.shape == (shots, 2)
        assert np.array_equal(listed, lists[10, draw][:shots])
    everybody = np.concatenate([lists[10, draw][:, 0] for draw in range(3)])
    assert len(set(everybody)) == 30
    assert all(person in parafaces.PEOPLE["shots"] for person in everybody)


def test_parafaces_gives_listed_shots_and_held_out_people(tmp_path):
    domain = people(tmp_path)
    domain.prepare_data()
    assert domain.name == f"parafaces_{STYLE}"
    assert domain.shots.shape == (10, 3, 32, 32)
    assert len(domain.shots_sha256) == 64
    assert domain.has_reference
    assert torch.cat(list(domain.reference())).shape == (6, 3, 32, 32)
    assert len(domain.photos()) == len(domain.translations()) == 4
    marks = domain.translation_landmarks()
    assert marks.shape == (4, len(parafaces.LANDMARKS), 2)
    photo, target = domain.landmark_pairs()
    assert photo.shape == target.shape == (5, len(parafaces.LANDMARKS), 2)


def test_photos_and_translations_are_the_same_people(tmp_path):
    """Of a domain with itself, the translation is the photo."""
    domain = people(tmp_path, style="photo")
    assert np.array_equal(domain.photos().pixels, domain.translations().pixels)
    photo, target = domain.landmark_pairs()
    assert np.array_equal(photo, target)


def test_landmark_pairs_are_the_landmarks_of_the_renderings(tmp_path):
    domain = people(tmp_path)
    ids = np.arange(PAIRS, PAIRS + 5)
    who = parafaces.parameters(ids, np.zeros_like(ids))
    for given, style in zip(domain.landmark_pairs(), ("photo", STYLE), strict=True):
        assert np.allclose(given, parafaces.render(who, style, 32).landmarks, atol=1e-3)


def test_the_same_list_is_the_same_people_in_every_style(tmp_path):
    here, there = people(tmp_path), people(tmp_path, style="photo")
    assert here.shots_sha256 == there.shots_sha256
    assert np.array_equal(here.people, there.people)
    assert people(tmp_path, draw=1).shots_sha256 != here.shots_sha256


def test_preparing_tells_how_far_it_is(tmp_path):
    domain, told = people(tmp_path), []
    domain.progress = lambda done, total: told.append((done, total))
    domain.prepare_data()
    assert (6, 6) in told
    assert (4, 4) in told


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"style": "cubist"}, "no ParaFaces style 'cubist'; the choices are photo"),
        ({"shots": 3}, r"no list of 3 ParaFaces shots, draw 0; .*1, 5, 10 with data\.draw=0, 1, 2"),
        ({"draw": 9}, "no list of 10 ParaFaces shots, draw 9"),
        ({"resolution": 512}, "data.resolution=512: ParaFaces are drawn at 32, 64, 128, 256 px"),
    ],
)
def test_what_parafaces_does_not_have_is_one_clear_sentence(tmp_path, changes, said):
    with pytest.raises(UserError, match=said):
        people(tmp_path, **changes)


def test_the_training_set_of_a_source_is_a_memory_map_of_other_people(tmp_path):
    domain = people(
        tmp_path, ParaFacesTraining, style="photo", people=7, pictures_each=2, shots=3, draw=0
    )
    assert isinstance(domain.training(), np.memmap)
    assert domain.training().shape == (14, 32, 32, 3)
    assert domain.shots.shape == (3, 3, 32, 32)
    held_out = rows(domain.photos().pixels) | rows(domain.reference().pixels)
    assert not rows(domain.training()) & held_out
    ids = torch.cat([ids for _, ids in domain.train_dataloader()])
    assert sorted(ids[:14].tolist()) == list(range(14))


def test_normals_name_the_pictures_that_are_trained_on(tmp_path):
    """Shots by their list, training pictures by their place; parameters follow from normals."""
    shots = people(tmp_path, xflip=False)
    some = torch.tensor([3, 0])
    expected = parafaces.normals(shots.people[[3, 0], 0], shots.people[[3, 0], 1])
    assert np.allclose(shots.normals(some), expected, atol=1e-6)
    many = people(tmp_path, ParaFacesTraining, people=4, pictures_each=3, xflip=False)
    expected = parafaces.normals(np.array([0, 3]), np.array([2, 1]))
    assert np.allclose(many.normals(torch.tensor([2, 10])), expected, atol=1e-6)


def test_a_mirrored_picture_has_no_normals(tmp_path):
    with pytest.raises(UserError, match=r"data\.xflip must be false"):
        people(tmp_path).normals(torch.tensor([0]))
