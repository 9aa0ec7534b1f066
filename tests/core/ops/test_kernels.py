"""The Triton kernels against plain torch: on a GPU where there is one, else interpreted."""

import os
import subprocess
import sys

import pytest
import torch

from core import ops
from core.errors import UserError
from core.losses.penalties import R1
from core.networks.discriminator import Discriminator
from core.networks.generator import Generator
from core.ops import backend
from tests.golden import test_operators as golden
from tests.golden.cases import ids

pytest.importorskip("triton")
CUDA = torch.cuda.is_available()
DEVICE = torch.device("cuda" if CUDA else "cpu")
LOOSE = {torch.float32: 2e-6, torch.float16: 2e-3, torch.bfloat16: 2e-2}
ORDERS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}
GEOMETRIES = [  # up, down, padding
    (1, 1, (2, 1, 2, 1)),
    (2, 1, (2, 1, 2, 1)),
    (1, 2, 1),
    (3, 2, (4, 3, 2, 5)),
    ((2, 1), (1, 3), (1, 2)),
    (2, 3, (-1, 2, 3, -1)),
]


QUICK = [("nhwc", GEOMETRIES[1]), ("nchw", GEOMETRIES[2])]  # the interpreter takes seconds each


@pytest.fixture(autouse=True)
def by_choice():
    yield
    backend.choose("auto")


def drawn(*shape, seed=0, dtype=torch.float32, order="nchw"):
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(DEVICE, dtype)
    return x.contiguous(memory_format=ORDERS[order]) if len(shape) == 4 else x


def both(function):
    """What plain torch and the kernels give."""
    results = []
    for name in ("torch", "triton"):
        backend.choose(name)
        results.append(function())
    return results


def near(ours, theirs, tolerance):
    for a, b in zip(ours, theirs, strict=True):
        scale = float(b.detach().abs().max()) + 1e-6
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        assert float((a - b).detach().abs().max()) <= tolerance * scale


def derivatives(function, inputs):
    """The value, the gradients of its weighted square by all inputs, and those of their sum."""
    value = function(*inputs)
    weights = drawn(*value.shape, seed=9).to(value.dtype)
    first = torch.autograd.grad((value * value * weights).sum(), inputs, create_graph=True)
    total = sum((g.float() * drawn(*g.shape, seed=11 + i)).sum() for i, g in enumerate(first))
    second = torch.autograd.grad(total, inputs, allow_unused=True, materialize_grads=True)
    return [value, *first, *second]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", LOOSE)
@pytest.mark.parametrize(("up", "down", "padding"), GEOMETRIES)
def test_resampling_and_its_derivatives_are_those_of_torch(dtype, order, up, down, padding):
    f = drawn(3, 4, seed=1).to(dtype).float()

    def function(x):
        return ops.upfirdn2d(x, f, up=up, down=down, padding=padding, gain=1.5)

    def run():
        return derivatives(function, [drawn(2, 5, 9, 7, dtype=dtype, order=order).requires_grad_()])

    plain, ours = both(run)
    near(ours, plain, 4 * LOOSE[dtype])


@pytest.mark.parametrize(
    ("order", "up", "down", "padding"),
    [
        pytest.param(order, *how, marks=[] if (order, how) in QUICK else pytest.mark.exhaustive)
        for order in ORDERS
        for how in GEOMETRIES
    ],
)
def test_filters_of_two_axes_go_through_tiles_and_are_those_of_torch(order, up, down, padding):
    """Binomial ones, and some that no symmetry would hide a turn of."""
    from core.ops import registered

    for flip, f in enumerate((ops.setup_filter([1, 3, 3, 1]), ops.setup_filter([1, 2, 4, 9]))):
        f = f.to(DEVICE)
        assert registered.separated(f)

        def function(x, f=f, flip=flip):
            return ops.upfirdn2d(x, f, up, down, padding, flip_filter=bool(flip), gain=1.5)

        def run(function=function):
            return derivatives(function, [drawn(1, 3, 9, 7, order=order).requires_grad_()])

        plain, ours = both(run)
        near(ours, plain, 4 * LOOSE[torch.float32])
    assert registered.separated(drawn(3, 4)) is None


@pytest.mark.parametrize("clamp", [None, 0.7])
@pytest.mark.parametrize("act", ops.ACTIVATIONS)
def test_activations_and_their_derivatives_are_those_of_torch(act, clamp):
    def function(x, b):
        return ops.bias_act(x, b, act=act, clamp=clamp)

    def run():
        x = drawn(2, 5, 6, 7, order="nhwc").requires_grad_()
        return derivatives(function, [x, drawn(5, seed=2).requires_grad_()])

    plain, ours = both(run)
    near(ours, plain, 1e-5)


@pytest.mark.parametrize("act", ["linear", "relu", "lrelu"])
def test_what_overflowed_in_half_precision_is_clamped_and_has_no_gradient(act):
    """The clamp is there for this: a convolution in float16 that gives infinity."""

    def run():
        x = torch.tensor([[torch.inf, -torch.inf, 1.0, -1.0]], dtype=torch.float16, device=DEVICE)
        x.requires_grad_()
        y = ops.bias_act(x, act=act, clamp=256.0)
        return [y, *torch.autograd.grad(y.sum(), [x])]

    plain, ours = both(run)
    assert all(bool(t.isfinite().all()) for t in ours)
    near(ours, plain, LOOSE[torch.float16])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("shape", [(7, 5), (2, 3, 4), (2, 5, 6, 7)])
def test_activations_of_any_rank_keep_half_precision(dtype, shape):
    def run():
        x = drawn(*shape, dtype=dtype).requires_grad_()
        b = drawn(shape[1], seed=3).requires_grad_()
        y = ops.bias_act(x, b, act="lrelu", clamp=1.0)
        return [y, *torch.autograd.grad(y.float().square().sum(), [x, b])]

    plain, ours = both(run)
    near(ours, plain, 2 * LOOSE[dtype])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("noises", [0, 1, 3])
@pytest.mark.parametrize(
    ("dtype", "clamp"),  # in half precision other values than torch's are rounded to the bound
    [*((dtype, None) for dtype in LOOSE), (torch.float32, 1.1)],
)
def test_the_epilogue_and_its_derivatives_are_those_of_torch(noises, clamp, dtype, order):
    noise = drawn(noises, 1, 9, 6, seed=4).requires_grad_() if noises else None
    strength = torch.tensor(0.7, device=DEVICE).requires_grad_()
    extra = [noise, strength] if noises else []

    def function(x, scale, bias, *rest):
        return ops.epilogue(x, scale, noise, strength, bias, clamp)

    def run():
        x = drawn(3, 5, 9, 6, dtype=dtype, order=order).requires_grad_()
        scale = (drawn(3, 5, seed=5).abs() + 0.2).requires_grad_()
        return derivatives(function, [x, scale, drawn(5, seed=6).requires_grad_(), *extra])

    plain, ours = both(run)
    near(ours, plain, 10 * LOOSE[dtype])


@pytest.mark.exhaustive
def test_more_than_a_block_of_elements_and_channels_is_covered():
    """Sizes that are no multiple of any block, in both orders."""
    for order in ORDERS:

        def run(order=order):
            x = drawn(2, 37, 41, 29, order=order).requires_grad_()
            scale, bias = drawn(2, 37, seed=1), drawn(37, seed=2)
            y = ops.epilogue(x, scale, None, torch.zeros((), device=DEVICE), bias, 2.0)
            return [y, *torch.autograd.grad(y.square().sum(), [x])]

        plain, ours = both(run)
        near(ours, plain, 1e-5)


@pytest.mark.parametrize("case", [*ids("A.upfirdn2d"), *ids("A.bias_act")])
def test_the_kernels_give_the_official_numbers(case):
    backend.choose("triton")
    if CUDA:
        pytest.skip("golden cases are drawn on the CPU")
    if "upfirdn2d" in case:
        golden.test_upfirdn2d_and_its_derivatives_are_the_official_ones(case, False)
    else:
        golden.test_bias_act_and_its_derivatives_are_the_official_ones(case, False)


def pair(side=16):
    torch.manual_seed(0)
    channels = {side >> i: 4 << min(i, 1) for i in range(side.bit_length() - 2)}
    g = Generator(z_dim=8, w_dim=8, img_resolution=side, channels=channels, mapping_layers=2)
    with torch.no_grad():
        for name, p in g.named_parameters():
            if name.endswith("noise_strength"):
                p.fill_(0.3)
    return g.to(DEVICE), Discriminator(img_resolution=side, channels=channels).to(DEVICE)


@pytest.mark.exhaustive  # in the interpreter 7 s; its operators are held one by one
def test_a_training_step_with_its_penalty_is_that_of_torch():
    """The loss of G through D, and R1, with the gradients of all weights."""

    def run():
        g, d = pair()
        loss = torch.nn.functional.softplus(-d(g(drawn(4, 8)))).mean()
        loss = loss + R1(gamma=1.0, every=1)(d, drawn(4, 3, 16, 16, seed=7), lambda x: x)
        return [loss, *torch.autograd.grad(loss, [*g.parameters(), *d.parameters()])]

    plain, ours = both(run)
    near(ours, plain, 2e-5)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ["torch", "triton"])
def test_networks_compile_without_a_graph_break(name):
    """``fullgraph`` raises at a break; gradients flow through what was traced ahead of time."""
    backend.choose(name)
    g, d = pair(8)  # tracing takes a second a layer
    images = drawn(4, 3, 8, 8, seed=7)
    for network, x in ((g, drawn(4, 8)), (d, images)):
        torch.compiler.reset()
        compiled = torch.compile(network, fullgraph=True, backend="aot_eager")
        y = compiled(x)
        assert torch.allclose(y, network(x), atol=1e-5)
        weights = list(network.parameters())
        ours = torch.autograd.grad(y.sum(), weights, allow_unused=True)
        theirs = torch.autograd.grad(network(x).sum(), weights, allow_unused=True)
        for a, b in zip(ours, theirs, strict=True):
            assert a is b is None or torch.allclose(a, b, atol=1e-4, rtol=1e-4)


@pytest.mark.exhaustive
def test_the_turns_of_both_players_compile_without_a_graph_break():
    """What was drawn goes in as tensors; mixing, augmented by nothing, is a mask."""
    from core.losses.adversarial import logistic_d, logistic_g

    g, d = pair(8)
    maps = {name: drawn(4, 1, *g.synthesis.get_submodule(name).noise_const.shape)
            for name in g.synthesis.noise_names}  # fmt: skip
    first = torch.arange(g.num_ws)[:, None] < 2

    def fakes(z1, z2):
        ws = torch.where(first, g.mapping(z1), g.mapping(z2))
        return g.synthesis.trace(ws, noise=maps).image

    turns = {
        "D": lambda reals, z1, z2: logistic_d(d(reals), d(fakes(z1, z2).detach())),
        "G": lambda reals, z1, z2: logistic_g(d(fakes(z1, z2))),
    }
    inputs = drawn(4, 3, 8, 8, seed=7), drawn(4, 8), drawn(4, 8, seed=1)
    for turn in turns.values():
        torch.compiler.reset()
        loss = torch.compile(turn, fullgraph=True, backend="aot_eager")(*inputs)
        assert torch.allclose(loss, turn(*inputs), atol=1e-5)
        torch.compiler.reset()
        assert torch._dynamo.explain(turn)(*inputs).graph_break_count == 0


@pytest.mark.exhaustive
def test_random_noise_and_autocast_compile_too():
    g, _ = pair(8)

    def drawn_by(z):
        with torch.autocast(DEVICE.type, torch.bfloat16):
            return g(z, noise_mode="random")

    torch.compiler.reset()
    y = torch.compile(drawn_by, fullgraph=True, backend="aot_eager")(drawn(2, 8))
    assert y.shape == (2, 3, 8, 8)


@pytest.mark.exhaustive
def test_registered_operators_keep_the_rules_of_torch():
    """torch's own check: schema, fake shapes, autograd and ahead-of-time tracing."""
    from core.ops import registered

    x = drawn(2, 3, 8, 6, order="nhwc").requires_grad_()
    b, scale = drawn(3, seed=1).requires_grad_(), drawn(2, 3, seed=2).requires_grad_()
    noise, strength = drawn(1, 1, 8, 6, seed=3), torch.tensor(0.5, device=DEVICE)
    f = drawn(4, 4, seed=4)
    cases = [
        (registered.upfirdn, (x, f, [2, 2], [1, 1], [2, 1, 2, 1], False, 4.0)),
        (registered.bias_act, (x, b, 1, "lrelu", 0.2, 1.4, 0.9)),
        (registered.epilogue, (x, scale, noise, strength, b, 0.2, 1.4, -1.0)),
    ]
    for operator, arguments in cases:
        assert set(torch.library.opcheck(operator, arguments).values()) == {"SUCCESS"}


def test_an_unknown_choice_is_refused():
    with pytest.raises(UserError, match=r"machine\.ops=cuda is unknown; the choices are auto"):
        backend.choose("cuda")


def test_auto_takes_torch_on_the_cpu_and_says_why():
    assert backend.active(torch.device("cpu")).name == "torch"
    assert "CUDA" in backend.active(torch.device("cpu")).reason
    assert not backend.kernels(torch.zeros(1))


def test_a_chosen_kernel_that_cannot_run_says_so(monkeypatch):
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    backend.choose("triton")
    with pytest.raises(UserError, match=r"machine\.ops=triton needs a CUDA device"):
        ops.bias_act(torch.zeros(2, 3))


BUILD = """
import itertools, triton, triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from core.ops import kernels as K

def build(kernel, types, constants, target):
    fixed = {(kernel.arg_names.index(k),): v for k, v in constants.items()}
    signature = types | dict.fromkeys(constants, "constexpr")
    source = ASTSource(fn=kernel, signature=signature, constexprs=fixed)
    assert "ptx" in triton.compile(source, target=target).asm

def types(kernel, pointers, floats, constants):
    return {n: pointers if n.endswith("_ptr") else "fp32" if n in floats else "i32"
            for n in kernel.arg_names if n not in constants}

F = ("alpha", "gain", "clamp", "slope")
for arch, kind in ((80, "*fp16"), (90, "*bf16")):
    target = GPUTarget("cuda", arch, 32)
    usual = dict(TYPE=tl.float32, WIDE=False, BLOCK=1024, channels=64)
    for act, order in ((2, 0), (2, 1), (8, 2)):
        c = usual | dict(inner=1, ACT=act, ORDER=order, BIAS=True, CLAMP=True)
        build(K._bias_act_kernel, types(K._bias_act_kernel, kind, F, c), c, target)
    c = usual | dict(in_h=128, in_w=128, out_h=256, out_w=256)
    c |= dict(UP_Y=2, UP_X=2, DOWN_Y=1, DOWN_X=1, KH=4, KW=4, FLIP=False, LAST=True)
    build(K._upfirdn_kernel, types(K._upfirdn_kernel, kind, F, c), c, target)
    taps = (0.125, 0.375, 0.375, 0.125)
    for up, down, rows in ((1, 1, 8), (2, 1, 8), (1, 2, 4)):
        c = dict(FY=taps, FX=taps, KH=4, KW=4, PAD_Y=1, PAD_X=1, UP_Y=up, UP_X=up, DOWN_Y=down,
                 DOWN_X=down, LAST=True, TYPE=tl.float32, LOW=-1 // up, ROWS=rows, BLOCK_W=16,
                 HIGH=((rows - 1) * down + 2) // up, BLOCK_C=32)
        build(K._upfirdn_tile_kernel, types(K._upfirdn_tile_kernel, kind, F, c), c, target)
    c = usual | dict(area=65536, NOISE=1, LAST=True, CLAMP=True)
    build(K._epilogue_kernel, types(K._epilogue_kernel, kind, F, c), c, target)
    for last, block_c in ((True, 32), (False, 1)):
        c = dict(NOISE=2, LAST=last, CLAMP=True, TYPE=tl.float32, ROUNDS=8,
                 BLOCK_C=block_c, BLOCK_A=1024 // block_c)
        build(K._epilogue_grad_kernel, types(K._epilogue_grad_kernel, kind, F, c), c, target)
print("built")
"""


@pytest.mark.exhaustive
def test_every_kernel_compiles_for_gpus_that_are_not_here(tmp_path):
    """Triton's compiler needs no device: Ampere and Hopper machine code from any machine."""
    env = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    env["TRITON_CACHE_DIR"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BUILD], env=env, capture_output=True, text=True
    )
    assert done.stdout.strip() == "built", done.stderr[-2000:]
