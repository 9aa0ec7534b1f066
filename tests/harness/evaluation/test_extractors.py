"""Published networks: their layouts, what they are given, and what is said when they are not there.

The files themselves cannot be shipped; their layouts are filled by formula, and what comes out is
compared with other implementations that read the same file.
"""

import hashlib
import importlib
import warnings

import lpips
import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from benchmarks.harness.data.pictures import as_images
from benchmarks.harness.evaluation.extractors import (
    CLIP,
    DINO,
    LPIPS,
    ArcFace,
    DINOv2,
    Inception,
    MobileFaceNet,
    Untrained,
    by_name,
    inception,
    mobilefacenet,
    resize,
)
from benchmarks.harness.evaluation.extractors.faces import FramedFaces
from benchmarks.harness.evaluation.extractors.published_files import fill, read
from benchmarks.harness.evaluation.extractors.transformers import create, loaded, self_similarity
from benchmarks.harness.io import external_weights
from core import hashing
from core.errors import UserError
from core.networks.encoders import IRSE50
from tests.helpers import weights

MOBILEFACENET = "c2af682fe8f552a08f333f3831199a23a7143b0239c0fa3ccce291de627916a8"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STYLESHIFT_CACHE", str(tmp_path))
    return tmp_path / "weights"


def pixels(n, side, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize("side", [64, 299, 700])
def test_clean_pixels_are_pillow_s_of_float_channels_and_legacy_ones_torch_s(side):
    picture = pixels(1, side)[0]
    planes = [Image.fromarray(plane) for plane in picture.astype(np.float32).transpose(2, 0, 1)]
    clean = [np.asarray(plane.resize((299, 299), Image.Resampling.BICUBIC)) for plane in planes]
    found = resize.clean_fid("clean")(picture)
    np.testing.assert_array_equal(found, np.stack(clean, 2).clip(0, 255))
    levels = resize.levels(as_images(picture[None]))
    legacy = F.interpolate(levels, (299, 299), mode="bilinear", align_corners=False)
    found = resize.clean_fid("legacy_pytorch")(picture)
    np.testing.assert_allclose(found, legacy[0].permute(1, 2, 0), atol=1e-4)


def test_clean_fid_does_not_silence_the_warnings_of_others():
    resize.clean_fid.cache_clear()
    resize.clean_fid("legacy_pytorch")
    with pytest.warns(UserWarning, match="heard"):
        warnings.warn("heard", stacklevel=1)
    assert ("ignore", None, Warning, None, 0) not in warnings.filters


@pytest.mark.parametrize("side", [64, 512])
def test_tensorflow_pixels_are_those_of_torch_fidelity(side):
    like = importlib.import_module("torch_fidelity.interpolate_compat_tensorflow")
    levels = resize.levels(as_images(pixels(2, side)))
    theirs = like.interpolate_bilinear_2d_like_tensorflow1x(levels, (299, 299), align_corners=False)
    torch.testing.assert_close(resize.legacy_tensorflow(levels, 299), theirs, atol=1e-4, rtol=0)


def test_the_levels_of_8_bit_pictures_are_exact():
    picture = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    levels = resize.levels(as_images(picture))
    np.testing.assert_array_equal(levels.permute(0, 2, 3, 1), picture)


def test_inception_sees_what_torch_fidelity_sees_with_the_same_file(cache):
    name = "torch_fidelity.feature_extractor_inceptionv3"
    theirs = importlib.import_module(name).FeatureExtractorInceptionV3
    path = weights.put("inception-pt", weights.inception())
    extractor = Inception(weights=["inception-pt", "inception"], resize="legacy-tensorflow")
    other = theirs("inception-v3-compat", ["2048"], feature_extractor_weights_path=str(path))
    batch = pixels(2, 64)
    expected = other(torch.from_numpy(batch).permute(0, 3, 1, 2))[0]
    found = extractor(as_images(batch))["features"]
    assert found.std() > 0.01
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in extractor.network.modules())


class Program(nn.Module):
    """As the published TorchScript file: layers, and a forward pass that resizes."""

    def __init__(self, layers):
        super().__init__()
        self.layers = layers

    def forward(self, x):
        return self.layers(x)


@pytest.mark.exhaustive
def test_a_torchscript_inception_is_read_too_and_a_state_dict_is_preferred(cache):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = inception.blank().eval()
        network.fc = nn.Identity()
    example = torch.zeros(1, 3, 299, 299)
    cache.mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.jit.trace(Program(network), example, check_trace=False)
        torch.jit.save(program, external_weights.entry("inception").path)
        scripted = Inception(weights=["inception-pt", "inception"], resize="clean")
    assert scripted.name == "inception-2015-12-05:clean"
    batch = as_images(pixels(1, 32))
    expected = network(scripted.prepare(batch))
    torch.testing.assert_close(scripted(batch)["features"], expected, atol=1e-5, rtol=1e-4)
    fc = {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}
    weights.put("inception-pt", network.state_dict() | fc)
    stated = Inception(weights=["inception-pt", "inception"], resize="clean")
    assert stated.name == "pt_inception-2015-12-05-6726825d:clean"


def test_what_an_inception_file_holds_counts_and_not_its_ending(cache):
    path = weights.put("inception", weights.inception())
    found = Inception(weights=["inception-pt", "inception"], resize="clean")
    assert found.name == "inception-2015-12-05:clean"
    clean, legacy = (
        Inception(weights=["inception"], resize=way) for way in ("clean", "legacy-pytorch")
    )
    assert clean.network is legacy.network is found.network
    before = clean.sha256
    weights.put("inception", {**weights.inception(), "fc.bias": torch.ones(1008)})
    other = Inception(weights=["inception"], resize="clean")
    assert other.network is not clean.network
    assert other.sha256 == hashing.of_file(path) != before


def test_a_missing_or_foreign_inception_is_one_sentence(cache):
    with pytest.raises(UserError, match=r"benchmarks.fetch inception-pt.*licence: Apache-2.0"):
        Inception(weights=["inception-pt", "inception"], resize="clean")
    with pytest.raises(UserError, match="resize=bicubic must be clean, "):
        Inception(weights=["inception-pt"], resize="bicubic")
    state = {"fc.weight": torch.zeros(2), "other": torch.zeros(1)}
    path = weights.put("inception-pt", state)
    with pytest.raises(UserError, match="does not fit its network"):
        Inception(weights=["inception-pt"], resize="clean")
    path.write_bytes(b"no weights")
    with pytest.raises(UserError, match="cannot be read as weights"):
        Inception(weights=["inception-pt"], resize="clean")
    external_weights.entry("inception").path.write_bytes(b"no program")
    with pytest.raises(UserError, match="cannot be read as weights"):
        Inception(weights=["inception"], resize="clean")


def classifier(net):
    """Torchvision's names over random weights, and the authors' package that holds them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = lpips.LPIPS(net=net, pnet_rand=True, verbose=False).eval()
    names = {name: f"features.{name.partition('.')[2]}" for name in theirs.net.state_dict()}
    state = {names[name]: value for name, value in theirs.net.state_dict().items()}
    return theirs, state | {"classifier.0.weight": torch.zeros(1)}


@pytest.mark.parametrize("net", ["alex", "squeeze", "vgg"])
def test_lpips_is_the_package_s_with_the_classifier_from_the_file(cache, net):
    torch.manual_seed(0)
    theirs, state = classifier(net)
    weights.put(f"lpips-{net}", state)
    extractor = LPIPS(net=net, side=0)
    a, b = torch.rand(2, 2, 3, 64, 64) * 2 - 1
    with torch.no_grad():
        expected = theirs(a, b).flatten()
        torch.testing.assert_close(extractor.distance(a, b), expected)
        maps = extractor(a)["maps"] - extractor(b)["maps"]
    assert expected.min() > 0
    torch.testing.assert_close(maps.square().sum(1), expected, atol=1e-6, rtol=1e-4)


def test_lpips_resizes_on_bytes_and_refuses_other_weights(cache):
    with pytest.raises(UserError, match=r"benchmarks.fetch lpips-alex"):
        LPIPS(net="alex", side=0)
    with pytest.raises(UserError, match="not 'resnet'"):
        LPIPS(net="resnet", side=0)
    _, state = classifier("alex")
    weights.put("lpips-alex", state)
    prepared = LPIPS(net="alex", side=48).prepare(as_images(pixels(2, 96)))
    assert prepared.shape == (2, 3, 48, 48)
    grey = (prepared + 1) * 127.5
    torch.testing.assert_close(grey, grey.round(), atol=1e-4, rtol=0)
    weights.put("lpips-alex", {k: v for k, v in state.items() if k != "features.0.bias"})
    with pytest.raises(UserError, match=r"features\.0\.bias"):
        LPIPS(net="alex", side=0)


def test_mobilefacenet_has_the_layout_of_the_published_file():
    state = mobilefacenet.MobileFaceNetwork().state_dict()
    rows = [f"{name} {list(value.shape)}" for name, value in sorted(state.items())]
    assert hashlib.sha256("\n".join(rows).encode()).hexdigest() == MOBILEFACENET
    network = fill(mobilefacenet.MobileFaceNetwork(), weights.made(state, 1), "made")
    seen = network(torch.rand(2, 3, 112, 96))
    assert seen.shape == (2, 128)
    assert not torch.allclose(seen[0], seen[1])


@pytest.mark.parametrize("side", [64, 400])
def test_a_face_is_brought_to_the_template_wherever_and_however_large_it_is(side):
    angle, scale, shift = 0.3, side / 160, torch.tensor([0.12, 0.1]) * side
    turn = torch.tensor([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    template = torch.tensor(mobilefacenet.TEMPLATE, dtype=torch.float64) + 0.5
    points = scale * template @ turn.T + shift
    middles = torch.stack(torch.meshgrid(*2 * [torch.arange(side) + 0.5], indexing="xy"), 2)
    for i, point in enumerate(points):
        blob = torch.exp(-(middles - point).square().sum(2) / (2 * (2.5 * scale) ** 2))
        picture = blob.float().expand(1, 3, side, side)
        face = mobilefacenet.align(picture, points[None])[0, 0].double()
        y, x = torch.meshgrid(torch.arange(112) + 0.5, torch.arange(96) + 0.5, indexing="ij")
        centre = torch.stack([(face * x).sum(), (face * y).sum()]) / face.sum()
        torch.testing.assert_close(centre, template[i], atol=0.15, rtol=0)


def test_an_aligned_face_does_not_depend_on_the_others_of_its_batch():
    images = as_images(pixels(3, 128))
    eyes = torch.tensor([[0.3, 0.3], [0.7, 0.3]], dtype=torch.float64) * 128
    points = torch.stack([eyes, eyes / 2, eyes / 4 + 20])
    together = mobilefacenet.align(images, points)
    for i in range(3):
        alone = mobilefacenet.align(images[i, None], points[i, None])
        assert torch.equal(together[i, None], alone)


def test_eyes_suffice_where_the_framing_is_known():
    points, found = FramedFaces(eyes=[[0.3, 0.29], [0.69, 0.29]])(torch.zeros(2, 3, 100, 100))
    assert found.all()
    there = mobilefacenet.similarity(points, torch.tensor(mobilefacenet.TEMPLATE[:2]).double())
    at = torch.tensor([30.0, 29.0, 1.0], dtype=torch.float64)
    expected = torch.tensor(mobilefacenet.TEMPLATE[0], dtype=torch.float64)
    torch.testing.assert_close(there[0] @ at, expected, atol=1e-5, rtol=0)
    with pytest.raises(UserError, match="two points within"):
        FramedFaces(eyes=[[30, 29], [69, 29]])


def test_the_real_mobilefacenet_knows_a_face_again():
    if external_weights.entry("mobilefacenet").state != "present":
        pytest.skip("needs `python -m benchmarks.fetch mobilefacenet`")
    network = MobileFaceNet(finder=FramedFaces(eyes=[[0.302, 0.292], [0.692, 0.292]])).network
    assert sum(p.numel() for p in network.parameters()) == 999_552


def test_arcface_loads_a_file_of_the_published_layout_and_nothing_else(cache):
    with torch.device("meta"):
        shapes = IRSE50().state_dict()
    weights.put("arcface-irse50", weights.made(shapes, 3))
    seen = ArcFace()(as_images(pixels(2, 64)))
    assert seen["identity"].shape == (2, 512)
    torch.testing.assert_close(seen["identity"].norm(dim=1), torch.ones(2))
    weights.put("arcface-irse50", {"input_layer.0.weight": torch.zeros(64, 3, 3, 3)})
    with pytest.raises(UserError, match=r"model_ir_se50.pth does not fit its network"):
        ArcFace()


def test_dinov2_brings_its_positions_from_518_px_to_224(cache):
    published = timm.create_model("vit_small_patch14_dinov2", num_classes=0)
    state = weights.made(published.state_dict(), 4)
    cache.mkdir()
    save_file(state, external_weights.entry("dinov2-s").path)
    extractor = DINOv2(size="s")
    assert extractor.network.pos_embed.shape == (1, 257, 384)
    torch.testing.assert_close(extractor.network.pos_embed[:, 0], state["pos_embed"][:, 0])
    batch = as_images(pixels(2, 32))
    features = extractor(batch)["features"]
    tokens = extractor.network.forward_features(extractor.prepare(batch))
    torch.testing.assert_close(features, tokens[:, 0])


@pytest.mark.parametrize(
    ("architecture", "options"),
    [("vit_large_patch14_dinov2", {"img_size": 224, "num_classes": 0}),
     ("vit_base_patch14_dinov2", {"img_size": 224, "num_classes": 0}),
     ("vit_base_patch8_224", {"num_classes": 0}),
     ("vit_base_patch32_clip_quickgelu_224", {"num_classes": 512}),
     ("vit_large_patch14_clip_quickgelu_336", {"num_classes": 768})],
)  # fmt: skip
def test_every_transformer_takes_its_published_layout_strictly(architecture, options):
    with torch.device("meta"):
        published = timm.create_model(architecture, num_classes=options["num_classes"])
        blank = create(architecture, **options)
        state = dict(published.state_dict())
        loaded(blank, state, "made")
        state.pop("blocks.3.mlp.fc1.weight")
        with pytest.raises(UserError, match="made does not fit its network: Missing"):
            loaded(create(architecture, **options), state, "made")


@pytest.mark.exhaustive
def test_clip_takes_openai_s_names_too(cache):
    network = create("vit_base_patch32_clip_quickgelu_224", num_classes=512)
    state = weights.made(network.state_dict(), 5)
    renamed = {"visual.proj": state["head.weight"].T.contiguous(), "logit_scale": torch.zeros(1)}
    names = {"cls_token": "class_embedding", "pos_embed": "positional_embedding",
             "patch_embed.proj.weight": "conv1.weight", "norm_pre": "ln_pre", "norm.": "ln_post.",
             ".norm": ".ln_", "blocks.": "transformer.resblocks.", "attn.qkv.": "attn.in_proj_",
             "attn.proj": "attn.out_proj", "mlp.fc1": "mlp.c_fc",
             "mlp.fc2": "mlp.c_proj"}  # fmt: skip
    for name, value in state.items():
        if name.startswith("head."):
            continue
        foreign = name
        for ours, theirs in names.items():
            foreign = foreign.replace(ours, theirs)
        renamed[f"visual.{foreign}"] = value.squeeze(0) if name.endswith("_embed") else value
    renamed["visual.class_embedding"] = state["cls_token"].flatten()
    cache.mkdir()
    save_file(
        {k: v.contiguous() for k, v in renamed.items()}, external_weights.entry("clip-b32").path
    )
    extractor = CLIP(size="b32")
    state["head.bias"] = torch.zeros(512)
    expected = fill(network, state, "made")
    batch = as_images(pixels(1, 32))
    found = extractor(batch)["features"]
    assert found.shape == (1, 512)
    torch.testing.assert_close(found, expected(extractor.prepare(batch)))


def test_self_similarity_is_of_the_keys_of_the_last_layer():
    network = create("vit_tiny_patch16_224", img_size=32, num_classes=0).eval()
    picture = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        found = self_similarity(network, picture)
        x = network.norm_pre(network._pos_embed(network.patch_embed(picture)))
        for block in network.blocks[:-1]:
            x = block(x)
        last = network.blocks[-1]
        keys = last.attn.qkv(last.norm1(x)).chunk(3, dim=2)[1]
    assert found.shape == (2, 5, 5)
    cosines = nn.functional.cosine_similarity(keys[:, :, None], keys[:, None], dim=3)
    torch.testing.assert_close(found, cosines, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.diagonal(dim1=1, dim2=2), torch.ones(2, 5))


def test_missing_transformers_and_unknown_sizes_are_said(cache):
    for build, name in (
        (DINO, "dino-b8"),
        (lambda: CLIP(size="l14"), "clip-l14"),
        (ArcFace, "arc"),
    ):
        with pytest.raises(UserError, match=f"benchmarks.fetch {name}"):
            build()
    with pytest.raises(UserError, match="not 'g'"):
        DINOv2(size="g")
    with pytest.raises(UserError, match="not 'h14'"):
        CLIP(size="h14")


def test_an_untrained_network_depends_on_its_seed_and_on_nothing_else():
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = Untrained(architecture="resnet18", seed=0)
    assert torch.equal(before, torch.random.get_rng_state())
    torch.manual_seed(2)
    batch = as_images(pixels(2, 32))
    seen = first(batch)["features"]
    assert first.name == "random-resnet18:0"
    assert torch.equal(seen, Untrained(architecture="resnet18", seed=0)(batch)["features"])
    assert not torch.equal(seen, Untrained(architecture="resnet18", seed=1)(batch)["features"])
    with pytest.raises(UserError, match="no architecture"):
        Untrained(architecture="resnet19", seed=0)


def test_a_file_with_more_than_tensors_is_refused(tmp_path):
    path = tmp_path / "any.pth"
    torch.save({"state_dict": {"a": torch.ones(1)}, "epoch": 3}, path)
    assert set(read(path)) == {"a"}
    torch.save([1, 2], path)
    with pytest.raises(UserError, match="no state dict"):
        read(path)


NAMED = (
    "inception lpips-vgg lpips-alex lpips-squeeze arcface-irse50 mobilefacenet dinov2-l dinov2-b "
    "dinov2-s dino-b8 clip-b32 clip-l14"
)


@pytest.mark.parametrize("name", NAMED.split())
def test_every_published_network_is_chosen_by_the_name_of_its_file(cache, name):
    options = {"inception": {"resize": "clean"}, "mobilefacenet": {"finder": None}}
    with pytest.raises(UserError, match=f"benchmarks.fetch {name}.*licence: "):
        by_name(name, **({"side": 256} if name.startswith("lpips") else options.get(name, {})))


def test_the_shipped_and_untrained_networks_have_names_too():
    files = {name for name, file in external_weights.listed().items() if file.kind == "extractor"}
    assert files | {"arcface-irse50"} == set(NAMED.split()) | {"inception-pt"}
    assert by_name("parafaces").name == "parafaces:measure"
    assert by_name("random-resnet10t", seed=3).name == "random-resnet10t:3"
    with pytest.raises(UserError, match=r"no extractor 'vgg': there are inception, .*random-"):
        by_name("vgg")
