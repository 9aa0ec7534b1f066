"""What a GPU makes of the suite: ``python -m benchmarks.speed --device cuda``. Every kernel beside
plain torch, in numbers (value, first and second derivatives) and in GB/s (what it must read and
write, over its time) beside a copy on the device; real training steps of config-f; and the same
networks as they are published. One process, the device's own clock, within six minutes.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import torch
from rich import box
from rich.table import Table
from torch import Tensor

from benchmarks.harness.speed import cases, steps
from benchmarks.harness.speed.cases import Channels, Size
from core import ops
from core.networks.generator import channel_table, resolutions
from core.ops import kernels

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
IN_A_ROW = 10  # calls between two events, so that the device, not the launch, is what is timed
WARM_UP = 3  # calls in which kernels are compiled and memory is taken
FEATURES = (16, 128, 256, 256)  # N, C, H, W of the operators' input
CANDIDATES = ((4, 16, 32), (8, 8, 64), (8, 16, 32), (8, 32, 32), (16, 8, 32), (16, 16, 64))
"""Rows, columns and channels of tiles, see `core.ops.kernels`."""
Timing = dict[str, Any]


class Operator(NamedTuple):
    """What to time: ``run`` gives what came out, ``read`` are the tensors it must read."""

    run: Callable[[], Tensor]
    read: tuple[Tensor, ...]


Call = Callable[[Tensor], Tensor]
READS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("filter", "upsample", "downsample"), ("dy",)),
    **{"bias_act": ("x", "dy"), "epilogue": ("x", "y", "dy")},
}
"""What the gradient of each operator must read."""


def calls(shape: tuple[int, ...], device: torch.device) -> tuple[dict[str, Call], list[Tensor]]:
    """The operators on features of a shape, and what they learn beside them."""
    n, channels, height, width = shape
    f = ops.setup_filter([1, 3, 3, 1]).to(device)
    bias, scale = torch.randn(channels, device=device), torch.rand(n, channels, device=device)
    noise = torch.randn(n, 1, height, width, device=device)
    strength = torch.tensor(0.5, device=device)
    by_name: dict[str, Call] = {
        "filter": lambda x: ops.filter2d(x, f),
        "upsample": lambda x: ops.upsample2d(x, f),
        "downsample": lambda x: ops.downsample2d(x, f),
        "bias_act": lambda x: ops.bias_act(x, bias, act="lrelu", clamp=256),
        "epilogue": lambda x: ops.epilogue(x, scale, noise, strength, bias, 256.0),
    }
    return by_name, [bias, scale, strength]


def features(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """Channels-last, as the networks have them."""
    x = torch.randn(shape, device=device).to(dtype)
    return x.contiguous(memory_format=torch.channels_last)


def operators(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> dict[str, Any]:
    """Makers of the operators and of their gradients, after a copy."""
    by_name, weights = calls(shape, device)

    def forward(call: Call) -> Operator:
        x = features(shape, dtype, device)
        return Operator(lambda: call(x), (x,))

    def backward(call: Call, reads: Sequence[str]) -> Operator:
        learned = [p for p in weights if "x" in reads]
        x = features(shape, dtype, device).requires_grad_()
        inputs = [x, *(p.requires_grad_() for p in learned)]
        y = call(x)
        dy = torch.randn_like(y)
        tensors = {"x": x, "y": y, "dy": dy}

        def run() -> Tensor:
            return torch.autograd.grad(y, inputs, dy, retain_graph=True, allow_unused=True)[0]

        return Operator(run, tuple(tensors[name] for name in reads))

    makers: dict[str, Any] = {"copy": lambda: forward(lambda x: x.clone())}
    for name, call in by_name.items():
        makers[name] = lambda call=call: forward(call)
        makers[f"{name}, gradient"] = partial(backward, call, READS[name])
    return makers


def seconds(run: Callable[[], object], device: torch.device, repeats: int) -> list[float]:
    """Seconds of each repeat after a warm-up, by the device's clock where it has one."""
    if device.type != "cuda":
        return cases.clocked(run, repeats, 1)
    for _ in range(WARM_UP):
        run()
    taken = []
    for _ in range(repeats):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(IN_A_ROW):
            run()
        end.record()
        end.synchronize()
        taken.append(begin.elapsed_time(end) / 1000 / IN_A_ROW)
    return taken


def moved_by(operator: Operator) -> int:
    """Bytes that it must read and write."""
    return sum(t.numel() * t.element_size() for t in (*operator.read, operator.run()))


@contextmanager
def by(name: str) -> Iterator[None]:
    """Operators run in ``torch`` or ``triton`` meanwhile."""
    ops.choose(name)
    try:
        yield
    finally:
        ops.choose("auto")


def bandwidths(
    device: torch.device, repeats: int, shape: Any = FEATURES, kinds: Any = tuple(DTYPES)
) -> list[Timing]:
    """GB/s of every operator, type and implementation, and their share of a copy's."""
    rows = []
    for kind, dtype in ((kind, DTYPES[kind]) for kind in kinds):
        copied = 0.0
        for name, maker in operators(shape, dtype, device).items():  # the copy first
            for implementation in ("torch",) if name == "copy" else ("torch", "triton"):
                with by(implementation):
                    operator = maker()
                    moved = moved_by(operator)
                    rate = moved / statistics.median(seconds(operator.run, device, repeats)) / 1e9
                copied = rate if name == "copy" else copied
                row = {"operator": name, "precision": kind, "implementation": implementation}
                rows.append(row | {"gb_per_second": rate, "of_copy": rate / copied})
    return rows


def parity(device: torch.device, kinds: Any = tuple(DTYPES)) -> list[Timing]:
    """How far every kernel's value, first and second derivatives are from plain torch's, over the
    largest of them.
    """
    rows = []
    shape = (2, 8, 16, 12)
    for kind, dtype in ((kind, DTYPES[kind]) for kind in kinds):
        for name, call in calls(shape, device)[0].items():
            torch.manual_seed(0)
            x = features(shape, dtype, device)
            with by("torch"):
                plain = derivatives(call, x)
            with by("triton"):
                ours = derivatives(call, x)
            apart = [
                float((a - b).abs().max() / b.abs().max().clamp(min=1e-6))
                for a, b in zip(ours, plain, strict=True)
            ]
            rows.append({"operator": name, "precision": kind, "deviation": apart})
    return rows


def derivatives(call: Callable[[Tensor], Tensor], x: Tensor) -> list[Tensor]:
    """A value, the gradient of its squares, and the gradient of that one's squares."""
    x = x.detach().requires_grad_()
    value = call(x)
    (first,) = torch.autograd.grad(value.float().square().sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.float().square().sum(), x)
    return [one.detach().float() for one in (value, first, second)]


def tiles(device: torch.device, repeats: int, shape: Any = FEATURES) -> list[Timing]:
    """GB/s of the resampling kernels with other tiles than theirs."""
    rows, usual = [], dict(kernels.TILES)
    try:
        for candidate in CANDIDATES:
            kernels.TILES[True] = candidate
            for name in ("filter", "upsample", "downsample"):
                with by("triton"):
                    operator = operators(shape, torch.bfloat16, device)[name]()
                    moved = moved_by(operator)
                    rate = moved / statistics.median(seconds(operator.run, device, repeats)) / 1e9
                rows.append({"tile": candidate, "operator": name, "gb_per_second": rate})
    finally:
        kernels.TILES.update(usual)
    return rows


def narrow(resolution: int) -> Channels:
    return dict.fromkeys(resolutions(resolution), 4)


class GpuPlan(NamedTuple):
    """What is measured: sizes, steps, repeats; the seconds after which no further part begins."""

    machine: str
    step_size: Size
    works: dict[str, Size]  # see `formulations`
    channels: Callable[[int], Channels]
    width: int
    steps: int
    repeats: int
    features: tuple[int, ...]
    kinds: tuple[str, ...]
    variants: tuple[str, ...]
    budget_s: float


def formulations(device: torch.device, plan: GpuPlan, work: str) -> Iterator[Timing]:
    """Images per second of a training step or a G forward, in bf16: by our kernels, by plain torch,
    and as it is published (a grouped convolution for each sample, resampling as convolutions).
    """
    size = plan.works[work]
    for name in ("triton", "torch", "published"):

        def run(name: str = name) -> dict[str, Any]:
            with by("torch" if name == "published" else name):
                channels = plan.channels(size[0])
                load = cases.workload(size, channels, plan.width, "bf16", device)
                if name == "published":
                    load = cases.twinned(load, cases.TWINS["textbook"])
                taken = seconds(cases.STEPS[work](load), device, plan.repeats)
            return {"images_per_second": size[1] / statistics.median(taken)}

        row = {"work": work, "pixels": size[0], "batch": size[1], "implementation": name}
        yield row | steps.attempted(run)


def channels_of(resolution: int) -> Channels:
    return channel_table(resolution, 32768, 512)


WIDTH = 512
REAL = GpuPlan(
    "gpu", (256, 16), {"G forward": (1024, 4), "training step": (256, 16)}, channels_of, WIDTH, 16,
    5, FEATURES, tuple(DTYPES), tuple(steps.VARIANTS), 300,
)  # fmt: skip
REHEARSAL = GpuPlan(
    "cpu", (64, 4), {"G forward": (8, 2), "training step": (8, 2)}, narrow, 16, 2,
    1, (1, 4, 4, 4), ("fp32",), ("bf16", "fp32"), 300,
)  # fmt: skip
"""The same on a machine without a GPU, small: kernels then run in Triton's interpreter."""


def parts(plan: GpuPlan, device: torch.device) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Everything there is to measure, what matters most first."""
    channels = plan.channels(plan.step_size[0])
    how = (plan.step_size, channels, plan.width, plan.steps)

    def step(method: str, name: str, *words: str) -> Callable[[], Any]:
        about = {"method": method, "variant": name, "pixels": how[0][0], "batch": how[0][1]}
        run = partial(steps.measured, method, [f"machine={plan.machine}", *words], *how)
        return lambda: [about | steps.attempted(run)]

    yield "parity", lambda: parity(device, plan.kinds)
    for name in plan.variants[::-1]:
        yield "steps", step("finetune", name, *steps.VARIANTS[name])
    bf16 = steps.VARIANTS["bf16"]
    yield "steps", step("finetune", "bf16, plain torch", *bf16, "machine.ops=torch")
    for method in list(steps.METHODS)[1:]:
        yield "steps", step(method, "bf16", *bf16)
    yield "operators", lambda: bandwidths(device, plan.repeats, plan.features, plan.kinds)
    yield "steps", step("finetune", "bf16, drawn on the CPU", *bf16, "machine.streams=cpu")
    for work in plan.works:
        yield "formulations", partial(formulations, device, plan, work)
    yield "tiles", lambda: tiles(device, plan.repeats, plan.features)


def measured(plan: GpuPlan, device: torch.device, save: Callable[[Timing], None]) -> Timing:
    """The record, saved after every part; parts that do not fit into the time are named in it."""
    about = torch.cuda.get_device_name(device) if device.type == "cuda" else "rehearsed on the CPU"
    record: Timing = {"schema": 2, "device": about, "torch": torch.__version__, "skipped": []}
    begun = time.monotonic()
    for name, run in parts(plan, device):
        if time.monotonic() - begun > plan.budget_s:
            record["skipped"].append(name)
            continue
        record.setdefault(name, []).extend(run())
        record["seconds"] = round(time.monotonic() - begun, 1)
        save(record)
    save(record)
    return record


def tables(record: dict[str, Any]) -> list[Table]:
    """The record for a reader."""
    operators = table("GB/s (share of a copy's)", "operator", "torch", "triton")
    for (name, kind), pair in paired(record.get("operators", []), ("operator", "precision")):
        cells = [f"{row['gb_per_second']:.0f} ({row['of_copy']:.0%})" for row in pair]
        operators.add_row(name, kind, *cells)
    shown = table("training steps with their penalties", "method", "images/s", "waits", "GiB")
    for row in record.get("steps", []):
        rate, waits, peak = (row[k] for k in ("images_per_second", "waits", "peak_bytes"))
        cells = ["out of memory", "", ""]
        if rate is not None:
            cells = [f"{rate:.1f}", str(waits), f"{peak / 2**30:.1f}"]
        shown.add_row(f"{row['method']}, {row['pixels']} px", row["variant"], *cells)
    return [operators, shown]


def table(title: str, what: str, *columns: str) -> Table:
    shown = Table(what, "precision", title=title, box=box.SIMPLE)
    for column in columns:
        shown.add_column(column, justify="right")
    return shown


def paired(rows: list[Timing], keys: tuple[str, str]) -> list[tuple[Any, list[Timing]]]:
    """Rows that differ only in their implementation, torch first; they follow one another."""
    return [(key, list(group)) for key, group in groupby(rows, key=itemgetter(*keys))]
