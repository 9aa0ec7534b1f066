"""The kernels on a GPU beside plain torch there: ``python -m benchmarks.speed --device cuda``. Each
operator in GB/s (what it must read and write, over its time) beside a copy on the device, and a
training step of config-f beside the same step in plain torch, all in one process. Times are those
of the device's own clock; nothing here asserts seconds.
"""

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import torch
from rich import box
from rich.table import Table
from torch import Tensor

from benchmarks.harness.speed import cases
from benchmarks.harness.speed.cases import Channels, Size
from core import ops
from core.networks.generator import channel_table

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
PRECISIONS = ("fp32", "tf32", "bf16")
STEPS = ((256, 16), (1024, 4))  # pixels, images in a batch: config-f
IN_A_ROW = 10  # calls between two events, so that the device, not the launch, is what is timed
WARM_UP = 3  # calls in which kernels are compiled and memory is taken
FEATURES = (16, 128, 256, 256)  # N, C, H, W of the operators' input
Timing = dict[str, Any]


class Operator(NamedTuple):
    """What to time: ``run`` gives what came out, ``read`` are the tensors it must read."""

    run: Callable[[], Tensor]
    read: tuple[Tensor, ...]


def operators(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> dict[str, Any]:
    """Makers of the operators on features of a shape, channels-last as the networks have them."""

    def features() -> Tensor:
        x = torch.randn(shape, device=device).to(dtype)
        return x.contiguous(memory_format=torch.channels_last)

    n, channels, height, width = shape
    f = ops.setup_filter([1, 3, 3, 1]).to(device)
    bias, scale = torch.randn(channels, device=device), torch.rand(n, channels, device=device)
    noise = torch.randn(n, 1, height, width, device=device)
    strength = torch.tensor(0.5, device=device)

    def forward(call: Callable[[Tensor], Tensor]) -> Operator:
        x = features()
        return Operator(lambda: call(x), (x,))

    def backward(call: Callable[[Tensor], Tensor], reads: Sequence[str]) -> Operator:
        learned = [p for p in (bias, scale, strength) if "x" in reads]
        inputs = [features().requires_grad_(), *(p.requires_grad_() for p in learned)]
        y = call(inputs[0])
        dy = torch.randn_like(y)
        tensors = {"x": inputs[0], "y": y, "dy": dy}

        def run() -> Tensor:
            return torch.autograd.grad(y, inputs, dy, retain_graph=True, allow_unused=True)[0]

        return Operator(run, tuple(tensors[name] for name in reads))

    def epilogue(x: Tensor) -> Tensor:
        return ops.epilogue(x, scale, noise, strength, bias, 256.0)  # 256: as networks clamp

    calls = {  # and what the gradient must read
        "filter": (lambda x: ops.filter2d(x, f), ("dy",)),
        "upsample": (lambda x: ops.upsample2d(x, f), ("dy",)),
        "downsample": (lambda x: ops.downsample2d(x, f), ("dy",)),
        "bias_act": (lambda x: ops.bias_act(x, bias, act="lrelu", clamp=256), ("x", "dy")),
        "epilogue": (epilogue, ("x", "y", "dy")),
    }
    makers: dict[str, Any] = {"copy": lambda: forward(lambda x: x.clone())}
    for name, (call, reads) in calls.items():
        makers[name] = lambda call=call: forward(call)
        makers[f"{name}, gradient"] = lambda call=call, reads=reads: backward(call, reads)
    return makers


def seconds(run: Callable[[], object], device: torch.device, repeats: int) -> list[float]:
    """Seconds of each repeat after a warm-up, by the device's clock where it has one."""
    if device.type != "cuda":
        return cases.clocked(run, repeats, WARM_UP)
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


@contextmanager
def by(name: str) -> Iterator[None]:
    """Operators run in ``torch`` or ``triton`` meanwhile."""
    ops.choose(name)
    try:
        yield
    finally:
        ops.choose("auto")


def bandwidths(device: torch.device, repeats: int, shape: Any = FEATURES) -> list[Timing]:
    """GB/s of every operator, type and implementation, and their share of a copy's."""
    rows = []
    for kind, dtype in DTYPES.items():
        copied = 0.0
        for name, maker in operators(shape, dtype, device).items():  # the copy first
            for implementation in ("torch",) if name == "copy" else ("torch", "triton"):
                with by(implementation):
                    operator = maker()
                    out = operator.run()
                    moved = sum(t.numel() * t.element_size() for t in (*operator.read, out))
                    rate = moved / statistics.median(seconds(operator.run, device, repeats)) / 1e9
                copied = rate if name == "copy" else copied
                row = {"operator": name, "precision": kind, "implementation": implementation}
                rows.append(row | {"gb_per_second": rate, "of_copy": rate / copied})
    return rows


def training(device: torch.device, repeats: int, size: Size, channels: Channels) -> list[Timing]:
    """Images per second and peak memory of a step, in each precision and implementation."""
    rows = []
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    for precision in PRECISIONS:
        matmul.allow_tf32 = cudnn.allow_tf32 = precision == "tf32"
        for name in ("torch", "triton"):
            row: Timing = {"pixels": size[0], "batch": size[1], "precision": precision}
            with by(name):
                numbers = timed(device, repeats, size, channels, precision)
            rows.append(row | {"implementation": name} | numbers)
    matmul.allow_tf32, cudnn.allow_tf32 = before
    return rows


def timed(device: torch.device, repeats: int, size: Size, channels: Channels, kind: str) -> Timing:
    """One row's numbers in a precision; where the memory does not suffice they are null."""
    load = cases.workload(size, channels, 512, kind, device)
    on_gpu = device.type == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    try:
        taken = seconds(cases.training(load), device, repeats)
    except torch.OutOfMemoryError:
        return {"images_per_second": None, "peak_bytes": None}
    peak = torch.cuda.max_memory_allocated(device) if on_gpu else 0
    return {"images_per_second": size[1] / statistics.median(taken), "peak_bytes": peak}


def measured(device: torch.device, repeats: int) -> dict[str, Any]:
    rows = bandwidths(device, repeats)
    steps = []
    for size in STEPS:
        steps += training(device, repeats, size, channel_table(size[0], 32768, 512))
    about = {"device": torch.cuda.get_device_name(device), "torch": torch.__version__}
    return {"schema": 1, **about, "operators": rows, "steps": steps}


def tables(record: dict[str, Any]) -> list[Table]:
    """The record for a reader: kernels beside plain torch."""
    operators = table("GB/s (share of a copy's)", "operator", "torch", "triton")
    for (name, kind), pair in paired(record["operators"], ("operator", "precision")):
        cells = [f"{row['gb_per_second']:.0f} ({row['of_copy']:.0%})" for row in pair]
        operators.add_row(name, kind, *cells)
    heads = ("torch", "triton", "times as fast", "of the memory")
    steps = table("training step: images/s (GiB)", "step", *heads)
    for (size, kind), pair in paired(record["steps"], ("pixels", "precision")):
        if any(row["images_per_second"] is None for row in pair):
            steps.add_row(f"{size} px", kind, *["out of memory"] * 2, "", "")
            continue
        cells = [f"{r['images_per_second']:.1f} ({r['peak_bytes'] / 2**30:.1f})" for r in pair]
        plain, ours = pair
        speed = ours["images_per_second"] / plain["images_per_second"]
        memory = ours["peak_bytes"] / max(plain["peak_bytes"], 1)
        steps.add_row(f"{size} px", kind, *cells, f"{speed:.2f}", f"{memory:.2f}")
    return [operators, steps]


def table(title: str, what: str, *columns: str) -> Table:
    shown = Table(what, "precision", title=title, box=box.SIMPLE)
    for column in columns:
        shown.add_column(column, justify="right")
    return shown


def paired(rows: list[Timing], keys: tuple[str, str]) -> list[tuple[Any, list[Timing]]]:
    """Rows that differ only in their implementation, torch first; they follow one another."""
    return [(key, list(group)) for key, group in groupby(rows, key=itemgetter(*keys))]
