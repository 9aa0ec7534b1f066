"""A refused run leaves nothing; a record names the files that its metrics looked through."""

import hashlib
import re

import torch

from benchmarks.harness.alignment import detectors
from benchmarks.harness.alignment.mtcnn import NETWORKS
from benchmarks.harness.evaluation import metrics
from benchmarks.harness.evaluation.extractors import (
    DetectedFaces,
    FramedFaces,
    Inception,
    MobileFaceNet,
    Untrained,
    mobilefacenet,
)
from benchmarks.harness.evaluation.gallery import extractor_key, networks
from benchmarks.harness.io import external_weights
from core import hashing
from tests.helpers import weights


def test_a_record_names_by_metric_the_optional_files_that_it_looks_through(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLESHIFT_CACHE", str(tmp_path))
    path = weights.put("inception-pt", weights.inception())
    clean, legacy = (
        Inception(weights=["inception-pt"], resize=resize) for resize in ("clean", "legacy-pytorch")
    )
    shipped = Untrained(architecture="resnet10t", seed=0)
    both = metrics.FD(clean)
    both.extractors = (clean, legacy)
    found = networks(
        {"fid": metrics.FD(legacy), "precision": metrics.Precision(clean, k=3), "both": both,
         "fid@random": metrics.FD(shipped), "palette": metrics.Palette(side=4, axes=2, quantiles=9)}
    )  # fmt: skip
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    assert found == {"networks": {
        "fid": {legacy.name: sha256},
        "precision": {clean.name: sha256},
        "both": {clean.name: sha256, legacy.name: sha256},
    }}  # fmt: skip
    assert clean.name != legacy.name
    torch.save({"other": torch.zeros(1)}, path)
    assert networks({"fid@random": metrics.FD(shipped)}) == {}


def test_a_record_names_the_files_and_the_numbers_of_a_detector(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLESHIFT_CACHE", str(tmp_path))
    listed = re.sub(r"bytes: \d+", "bytes: null", external_weights.LIST.read_text())
    monkeypatch.setattr(external_weights, "LIST", tmp_path / "weights.yaml")
    external_weights.LIST.write_text(listed)
    weights.put("mobilefacenet", mobilefacenet.MobileFaceNetwork().state_dict())
    names = dict(zip(detectors.MTCNN_FILES, NETWORKS, strict=True))
    for name, file in names.items():
        weights.put(name, NETWORKS[file]().state_dict())

    def seen(finder):
        extractor = MobileFaceNet(finder=finder)
        found = networks({"identity": metrics.DetectedIdentity(extractor)})["networks"]["identity"]
        assert found.pop(extractor.name) == extractor.sha256
        return found, extractor_key(extractor)

    framed, key = seen(FramedFaces(eyes=[[0.3, 0.3], [0.7, 0.3]]))
    assert framed == {}
    assert sorted(key) == ["extractor", "sha256"]
    found, key = seen(DetectedFaces(detector="mtcnn"))
    assert sorted(found) == ["alignment.yaml: mtcnn", "onet.pt", "pnet.pt", "rnet.pt"]
    assert found["pnet.pt"] == hashing.of_file(external_weights.entry("mtcnn-p").path)
    weights.put("mtcnn-p", NETWORKS["pnet.pt"]().state_dict())
    other, other_key = seen(DetectedFaces(detector="mtcnn"))
    assert [name for name in found if found[name] != other[name]] == ["pnet.pt"]
    assert key != other_key  # what was kept in a store is seen anew
