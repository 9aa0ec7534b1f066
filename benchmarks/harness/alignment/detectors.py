"""What finds the landmarks: a file, or a detector that is installed or not.
Only MTCNN is written here; the others are packages that a person may have. A detector is asked with
a picture and the name of its file and gives the points of every face, or nothing: whoever asks says
which pictures had none.
"""

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.harness.alignment.landmarks import LandmarksFile, faces
from benchmarks.harness.alignment.mtcnn import MTCNN, load
from benchmarks.harness.config import files
from benchmarks.harness.io import external_weights
from core import hashing
from core.errors import UserError
from core.paths import CONF

NUMBERS = CONF / "alignment.yaml"
MTCNN_FILES = ("mtcnn-p", "mtcnn-r", "mtcnn-o")
FILES = {"mtcnn": MTCNN_FILES, "dlib": ("dlib-68",), "mediapipe": ("mediapipe",)}
"""Names of the optional files that a detector looks through."""

Detector = Callable[[Image.Image, str], list[np.ndarray]]
"""Points [4, 2] of every face in an upright RGB picture of a file; see `landmarks.four_points`."""


def mtcnn(numbers: Any) -> Detector:
    """The detector that is written here, with the weights of facenet-pytorch (MIT)."""
    entries = [external_weights.entry(name) for name in MTCNN_FILES]
    missing = next((entry for entry in entries if entry.state != "present"), None)
    if missing:
        raise UserError(
            f"MTCNN's weights are not in {external_weights.folder()} "
            f"({missing.file} is {missing.state}): "
            f"`python -m benchmarks.fetch {' '.join(MTCNN_FILES)}` brings them "
            f"({missing.licence} licence)."
        )
    return MTCNN(load(external_weights.folder()), **numbers.mtcnn)


def dlib(numbers: Any) -> Detector:
    """The detector and the 68 points of dlib; the model file is trained on iBUG 300-W."""
    packed = external_weights.require("dlib-68")
    model = packed.with_suffix("")
    if not model.is_file():
        raise UserError(f"{packed} is compressed: `bunzip2 --keep {packed}` unpacks it.")
    package: Any = installed("dlib", "dlib")
    find, predict = package.get_frontal_face_detector(), package.shape_predictor(str(model))

    def detect(image: Image.Image, file: str) -> list[np.ndarray]:
        pixels = np.asarray(image)
        shapes = (predict(pixels, box) for box in find(pixels, 1))  # enlarged once: from 40 px on
        return faces([(p.x, p.y) for p in shape.parts()] for shape in shapes)

    return detect


def mediapipe(numbers: Any) -> Detector:
    """The face mesh of MediaPipe (Apache-2.0)."""
    model = external_weights.require("mediapipe")
    package: Any = installed("mediapipe", "mediapipe")
    base: Any = installed("mediapipe.tasks.python", "mediapipe")
    vision: Any = installed("mediapipe.tasks.python.vision", "mediapipe")
    options = vision.FaceLandmarkerOptions(
        base_options=base.BaseOptions(model_asset_path=str(model)),
        num_faces=numbers.mediapipe.faces,
    )
    landmarker = vision.FaceLandmarker.create_from_options(options)

    def detect(image: Image.Image, file: str) -> list[np.ndarray]:
        shown = package.Image(image_format=package.ImageFormat.SRGB, data=np.asarray(image))
        meshes = landmarker.detect(shown).face_landmarks  # as shares of the sides
        return faces(np.array([(p.x, p.y) for p in mesh]) * np.array(image.size) for mesh in meshes)

    return detect


def face_alignment(numbers: Any) -> Detector:
    """The 68 points of the package face-alignment (BSD), which fetches its networks itself."""
    package: Any = installed("face_alignment", "face-alignment")
    known = inspect.signature(package.FaceAlignment).parameters
    plain = {"compile": False} if "compile" in known else {}  # for few pictures it never pays
    network = package.FaceAlignment(package.LandmarksType.TWO_D, device="cpu", **plain)
    return lambda image, file: faces(network.get_landmarks_from_image(np.asarray(image)) or ())


DETECTORS = {make.__name__: make for make in (mtcnn, dlib, mediapipe, face_alignment)}


def detector(name: str, landmarks: str | Path = "") -> Detector:
    """What finds faces: a name of `DETECTORS`, or ``landmarks`` with a file of them.
    A `UserError` says what is not there: the detector, its package, its weights, the file.
    """
    if name == "landmarks":
        if not str(landmarks):
            raise UserError("Alignment by landmarks needs the JSON file that lists them.")
        return LandmarksFile(landmarks)
    if name not in DETECTORS:
        raise UserError(
            f"There is no detector {name!r}: the choices are landmarks, {', '.join(DETECTORS)}."
        )
    try:
        return DETECTORS[name](files.load(NUMBERS))
    except (RuntimeError, OSError) as fault:  # of a package, about its model
        reason = str(fault).rstrip(".")
        raise UserError(f"The detector {name} cannot be used: {reason}.") from fault


def traces(name: str) -> dict[str, str]:
    """For a record: checksums of the files that a detector looks through, and of its numbers."""
    entries = [external_weights.entry(file) for file in FILES.get(name, ())]
    checksums = {entry.file: hashing.of_file(entry.path) for entry in entries}
    content = files.plain(NUMBERS)
    if name in content:
        checksums[f"{NUMBERS.name}: {name}"] = hashing.of_json(content[name])
    return checksums


def installed(module: str, package: str) -> ModuleType:
    """A module that is not required; a `UserError` where it cannot be imported."""
    try:
        return importlib.import_module(module)
    except ImportError as fault:
        raise UserError(
            f"{package} is not installed: `pip install {package}` brings it, and MTCNN needs no "
            f"package ({fault})."
        ) from fault
