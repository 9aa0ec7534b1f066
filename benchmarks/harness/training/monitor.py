"""Training seen from outside: the bar, the curves, and whether it still makes sense. Nothing here
waits for the device at a step: numbers are copied to the host behind the device's back and looked
at when they have arrived.
"""

import math
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import lightning as L
import torch
from torch import Tensor

from core import distributed
from core.progress import bar, console

CHANCE = 2 * math.log(2)  # the logistic loss of a discriminator that says 0 to everything
COLLAPSED, DEAD = 0.01, 1e-4  # below the one, and as near to CHANCE as the other
POINTS, DIGITS = 40, 4  # of the curves in a record
PATIENCE_IMAGES = 1000  # a warning is given only for what lasts
SIGNS = {
    "collapsed": "the discriminator tells every fake from every picture (loss_d {loss:.2g}, since "
    "{since:,} images): the generator learns nothing from it.",
    "dead": "the discriminator says the same of everything (loss_d {loss:.4f}, since {since:,} "
    "images): the generator learns nothing from it.",
}


class Diverged(Exception):
    """A loss, a gradient or a weight is not finite after so many images; the message says which."""

    def __init__(self, images: int, reason: str) -> None:
        super().__init__(images, reason)  # what is needed to make it again in another process
        self.images, self.reason = images, reason

    def __str__(self) -> str:
        return self.reason


class TrainingCurves:
    """Means of every reading over ``POINTS`` equal stretches of a run of so many images."""

    def __init__(self, *, images: int) -> None:
        self.images = images
        self.sums: dict[int, dict[str, list[float]]] = {}
        self.reached: dict[int, int] = {}

    def add(self, images: int, readings: Mapping[str, float]) -> None:
        """Take the readings of the step after which ``images`` were shown."""
        stretch = min((images - 1) * POINTS // max(self.images, 1), POINTS - 1)
        self.reached[stretch] = images
        sums = self.sums.setdefault(stretch, {})
        for name, value in readings.items():
            total, count = sums.get(name, (0.0, 0))
            sums[name] = [total + value, count + 1]

    def points(self) -> dict[str, list[float | None]]:
        """Thousands of images at the last step of each stretch, and the means of each reading."""
        stretches = sorted(self.sums)
        names = sorted({name for stretch in stretches for name in self.sums[stretch]})

        def mean(stretch: int, name: str) -> float | None:
            total, count = self.sums[stretch].get(name, (0.0, 0))
            return float(f"{total / count:.{DIGITS}g}") if count else None

        means = {name: [mean(s, name) for s in stretches] for name in names}
        return {"kimg": [self.reached[s] / 1000 for s in stretches], **means}

    def state(self) -> dict[str, Any]:
        return {"sums": self.sums, "reached": self.reached}

    def restore(self, state: dict[str, Any]) -> None:
        self.sums, self.reached = state["sums"], state["reached"]


class AsyncScalars:
    """Numbers on their way from the device, in order."""

    def __init__(self) -> None:
        # Images, names, values that may not have arrived, and the event of their arrival, if any.
        self.under_way: deque[tuple[int, tuple[str, ...], Tensor, Any]] = deque()

    def send(self, images: int, numbers: Mapping[str, Tensor | float]) -> None:
        """Begin to copy the numbers of the step after which ``images`` were shown."""
        if not numbers:
            return
        scalars = [torch.as_tensor(v).detach().float().reshape(()) for v in numbers.values()]
        away = next((s.device for s in scalars if s.device.type != "cpu"), torch.device("cpu"))
        packed = torch.stack([s.to(away, non_blocking=True) for s in scalars])
        distributed.all_reduce_mean_([packed])  # so all processes see the same, and the same fault
        event = None
        if away.type == "cuda":
            host = torch.empty(packed.shape, pin_memory=True)  # else the copy would wait
            host.copy_(packed, non_blocking=True)
            event, packed = torch.cuda.Event(), host
            event.record()
        self.under_way.append((images, tuple(numbers), packed, event))

    def receive(self, *, wait: bool) -> Iterator[tuple[int, dict[str, float]]]:
        """Images and numbers of each step that has arrived; with ``wait``, of every step."""
        while self.under_way:
            images, names, values, event = self.under_way[0]
            if event is not None:
                if not wait and not event.query():
                    return
                event.synchronize()
            self.under_way.popleft()
            yield images, dict(zip(names, values.tolist(), strict=True))


class TrainingMonitor(L.Callback):
    """The bar, the curves for Lightning's loggers, and the alarm."""

    def __init__(self, *, images: int, every: int) -> None:
        # Images of the whole run, those between two points of the curves, and of the last point.
        self.images, self.every, self.logged = images, every, 0
        self.scalars = AsyncScalars()
        self.since = {"collapsed": -1, "dead": -1}
        self.warnings: list[str] = []  # what a reader of the result should know, in sentences
        self.curves = TrainingCurves(images=images)

    def state(self) -> dict[str, Any]:
        kept = {"since": dict(self.since), "warnings": list(self.warnings)}
        return {"logged": self.logged, **kept, "curves": self.curves.state()}

    def restore(self, state: dict[str, Any]) -> None:
        self.logged, self.since = state["logged"], dict(state["since"])
        self.warnings = list(state["warnings"])
        self.curves.restore(state["curves"])

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        self.trainer, self.module = trainer, pl_module
        console.quiet = not trainer.is_global_zero
        self.context = bar("training", self.images, "images")
        self.bar = self.context.__enter__()
        self.bar.start_at(pl_module.images_seen)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, *step: Any) -> None:
        numbers = {**pl_module.gradient_norms, **pl_module.scalars()}
        self.scalars.send(pl_module.images_seen, numbers)
        self.inspect(wait=False)

    def inspect(self, *, wait: bool) -> None:
        """Show, log and check what has arrived; :class:`Diverged` of what is not finite."""
        for images, numbers in self.scalars.receive(wait=wait):
            for name, value in numbers.items():
                if not math.isfinite(value):
                    raise Diverged(images, f"{name} is {value} after {images:,} images.")
            shown = {k: v for k, v in numbers.items() if k not in self.module.gradient_norms}
            self.bar.update(images, **shown)
            self.curves.add(images, shown)
            self.check_collapse(images, shown.get("loss_d", math.nan))
            if images - self.logged >= self.every or images >= self.images:
                self.logged = images
                for logger in self.trainer.loggers:
                    logger.log_metrics(shown | {"kimg": images / 1000}, step=images)

    def check_collapse(self, images: int, loss_d: float) -> None:
        """Warn of a discriminator that has nothing to say for long; NaN stands for none."""
        signs = {"collapsed": loss_d < COLLAPSED, "dead": abs(loss_d - CHANCE) < DEAD}
        for name, present in signs.items():
            since = self.since[name]
            if not present:
                self.since[name] = -1
            elif since < 0:
                self.since[name] = images
            elif images - since >= PATIENCE_IMAGES:
                sentence = SIGNS[name].format(loss=loss_d, since=since)
                # Said once: a training that swings in and out of it would repeat it all day.
                if not any(w.startswith(sentence.split(" (")[0]) for w in self.warnings):
                    self.warn(sentence)

    def warn(self, sentence: str) -> None:
        self.warnings.append(sentence)
        console.print(f"Warning: {sentence}", markup=False, highlight=False)

    def assert_finite(self) -> None:
        self.inspect(wait=True)
        named = {n: p for n, p in self.module.named_parameters() if not n.startswith("source.")}
        # A sum is finite only if all its terms are, and needs one pass and one wait for all.
        sums = [p.detach().double().sum() for p in named.values()]
        finite = torch.stack(sums).isfinite().tolist() if sums else []
        for name, fine in zip(named, finite, strict=True):
            if not fine:
                seen = self.module.images_seen
                raise Diverged(seen, f"the weights {name} are not finite after {seen:,} images.")

    def on_train_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        """The last numbers; close the bar."""
        self.assert_finite()
        self.context.__exit__(None, None, None)

    def on_exception(self, trainer: L.Trainer, pl_module: Any, exception: BaseException) -> None:
        """Close the bar before the message is printed."""
        if hasattr(self, "context"):
            self.context.__exit__(None, None, None)
