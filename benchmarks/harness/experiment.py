"""One experiment, top to bottom: configuration, training, evaluation, record. Nothing below this
module reads a configuration: objects are built here once and handed down.
"""

import time
from functools import partial
from typing import Any

import torch

from benchmarks.harness.config import files
from benchmarks.harness.config.build import build
from benchmarks.harness.config.cli import printable
from benchmarks.harness.config.compose import Composition
from benchmarks.harness.evaluation import swaps
from benchmarks.harness.evaluation.evaluate import Evaluator, Outcome, of_failed_swap
from benchmarks.harness.evaluation.gallery import networks
from benchmarks.harness.evaluation.measure import NotFinite
from benchmarks.harness.io import machine
from benchmarks.harness.io.locks import Busy, alone, writable
from benchmarks.harness.io.signals import Signals
from benchmarks.harness.io.terminal import console
from benchmarks.harness.records import protocol
from benchmarks.harness.records.provenance import TRAINED_FROM, code, environment, method_code
from benchmarks.harness.records.recipe import arithmetic, portable
from benchmarks.harness.records.record import Record
from benchmarks.harness.records.results import Ending, print_summary, to_repeat, write_results
from benchmarks.harness.records.run_id import SHEET
from benchmarks.harness.training import loop, seeds, workers
from benchmarks.harness.training.checkpoint import Checkpoints
from benchmarks.harness.training.memory import peak_bytes
from benchmarks.harness.training.monitor import Diverged, TrainingMonitor
from core import draws, ops
from core.errors import UserError, cause

CURVE_POINTS = 200  # of a logger's curves, over the whole run


def run(job: Composition, *, many: bool, signals: Signals) -> Ending:
    """One run to its record. With ``many`` what is there is skipped."""
    job.checked()  # before anything is built or written
    code()  # that is imported now, whatever is edited while it runs
    run_id = job.run_id
    existing = job.cfg.existing if job.cfg.existing != "auto" else ("skip" if many else "compare")
    if existing == "skip" and exists(job):
        return Ending.FINISHED
    writable(run_id.published.parent)
    try:
        with alone(run_id.folder):
            if existing == "skip" and exists(job):  # somebody ended it in between
                return Ending.FINISHED
            evaluator = evaluator_of(job, job.cfg.data.resolution)  # before anything is rendered
            inputs = inputs_of(job)
            if not job.cfg.swap.resolution:
                return train_and_evaluate(job, inputs, evaluator, existing, signals)
            whole = job.without_swap()
            with alone(whole.run_id.folder):
                return evaluate_swapped(job, whole, inputs, evaluator, existing, signals)
    except Busy as busy:
        if not many:
            raise
        console.print(str(busy))
        return Ending.FINISHED


def exists(job: Composition) -> bool:
    """Whether a run has its record, which is then said; a UserError where it is of other files."""
    path = job.run_id.published
    if not path.is_file():
        return False
    to_repeat(job.run_id, content(job, loop.RunInputs(build(job.cfg.source), build(job.cfg.data))))
    console.print(f"{path} is there already.")
    return True


def content(job: Composition, inputs: loop.RunInputs) -> dict[str, Any]:
    """Checksums of what a run is made of, as its record will hold them."""
    own = {"arithmetic": arithmetic(files.resolved(job.cfg.machine))}
    return inputs.hashes | method_code(files.resolved(job.cfg.method)) | own


def inputs_of(job: Composition) -> loop.RunInputs:
    """Source and data of a configuration; the process is prepared for them."""
    begun = time.monotonic()
    prepare_process(job)
    source = build(job.cfg.source)
    if source.discriminator is None:
        build(job.cfg.method, source)  # needs none, or says so before anything is rendered
    halves = job.cfg.machine.fp16_resolutions
    return loop.RunInputs(source, domain_of(job), begun, fp16_resolutions=halves)


def prepare_process(job: Composition) -> None:
    """Prepare it for a machine; UserError where that has no such devices."""
    own = job.cfg.machine
    how = {name: own[name] for name in ("threads", "deterministic", "streams", "tf32")}
    loop.prepare_process(seed=job.cfg.seed, implementation=own.ops, **how)
    trainer_of(own)  # after it, which makes Lightning quiet


def trainer_of(own: Any, **late: Any) -> Any:
    """The trainer of a configuration's machine; UserError where it wants what is not there."""
    try:
        return build(own.trainer, **{"logger": False, **late})
    except Exception as error:  # Hydra's, of Lightning's own of several kinds
        if isinstance(cause(error), UserError):
            raise
        options = " ".join(
            f"machine.trainer.{key}={own.trainer[key]}" for key in ("accelerator", "devices")
        )
        why = str(cause(error)).partition("\n")[0].rstrip(".")
        raise UserError(
            f"{options} cannot be had here ({why}); machine=cpu runs anywhere."
        ) from error


def domain_of(job: Composition) -> Any:
    """The data of a configuration, rendered or read, with what is to be said of them."""
    domain = build(job.cfg.data)
    loop.prepare_data(domain)
    for note in domain.notes:
        console.print(printable(note))
    return domain


def training_of(job: Composition, inputs: loop.RunInputs, signals: Signals) -> loop.Training:
    """The training of a configuration, which has not begun."""
    cfg, run_id, images = job.cfg, job.run_id, job.cfg.method.images
    monitor = TrainingMonitor(images=images, every=max(images // CURVE_POINTS, 1))
    trainer = trainer_of(cfg.machine)
    device = loop.device_of(trainer)
    where = {"ops": ops.active(device).name, "streams": draws.place(device)}
    goes_on = {"code": code(), **where, **inputs.hashes}
    checkpoints = Checkpoints(
        folder=run_id.folder,
        every_kimg=cfg.checkpoint.every_kimg,
        resume=cfg.resume,
        identity={"recipe": run_id.head["recipe"]} | {key: goes_on[key] for key in TRAINED_FROM},
        signals=signals,
        monitor=monitor,
    )
    logger = build(cfg.logger)
    # The monitor first: it looks at a step before a checkpoint keeps it.
    callbacks = [monitor, checkpoints, *logger.callbacks]
    return loop.Training(
        run_id=run_id,
        inputs=inputs,
        new_adapter=partial(build, cfg.method, inputs.source),
        monitor=monitor,
        checkpoints=checkpoints,
        logger=logger,
        trainer=trainer_of(cfg.machine, callbacks=callbacks),
        signals=signals,
        in_process=partial(training_in_process, job),
    )


def training_in_process(job: Composition, signals: Signals) -> loop.Training:
    """The same in a process that has built nothing yet."""
    return training_of(job, inputs_of(job), signals)


def evaluator_of(job: Composition, side: int) -> Evaluator:
    """How a configuration evaluates pictures of ``side`` px; UserError with all that it lacks. The
    process is prepared for it.
    """
    prepare_process(job)
    cfg, metrics, lacking = job.cfg.eval, {}, dict[str, None]()
    for name, node in cfg.metrics.items():
        try:
            metrics[name] = build(node)
        except Exception as error:  # Hydra's, of what went wrong
            if not isinstance(cause(error), UserError):
                raise
            lacking[str(cause(error))] = None
    if lacking:
        raise UserError(" ".join(lacking))
    plain = {key: cfg[key] for key in ("samples", "photos", "seed", "batch_size")}
    evaluator = Evaluator(metrics=metrics, keep=cfg.get("keep", "memory"), **plain)
    evaluator.check(side)
    return evaluator


def placed(job: Composition, device: torch.device) -> str:
    """Device, precision and operators of a run, and why these."""
    choice, operators = job.choices["machine"], ops.active(device)
    why = f"machine={choice}" + (f": {machine.best().reason}" if choice in ("auto", "ddp") else "")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return (
        f"Device: {name} ({why}). Precision: {job.cfg.machine.trainer.precision}. "
        f"Operators: {operators.name} ({operators.reason})."
    )


def train_and_evaluate(
    job: Composition,
    inputs: loop.RunInputs,
    evaluator: Evaluator,
    existing: str,
    signals: Signals,
) -> Ending:
    """Train and evaluate one run in its folder, from its last checkpoint if there is one."""
    made_of = content(job, inputs) | networks(evaluator.metrics)
    repeated = None if existing == "replace" else to_repeat(job.run_id, made_of)
    training = training_of(job, inputs, signals)
    run_id, monitor, checkpoints = training.run_id, training.monitor, training.checkpoints
    device = training.device
    operators = ops.active(device)
    console.print(placed(job, device))
    chance = seeds.left_to_chance(device, deterministic=job.cfg.machine.deterministic)
    where = {**environment(str(device)), "left_to_chance": chance, "ops": operators.name, **made_of}
    where["started"] = checkpoints.memory.setdefault("started", where["started"])
    try:
        workers.train(training)
        outcome = evaluator(training.adapter, inputs.domain, run_id.title)
    except (Diverged, NotFinite) as error:
        training.load_adapter(checkpoints.newest())  # as it was when it was last finite
        outcome = evaluator.of_failed(training.adapter, inputs.domain, run_id.title, str(error))
    for sentence in outcome.warnings:
        monitor.warn(sentence)
    cost = {
        "images": training.adapter.images_seen,
        "seconds": round(training.prepared_in + checkpoints.seconds, 1),
        "trainable": training.adapter.trainable_count(),
        "peak_bytes": max(training.peak_bytes, peak_bytes(device)),
    }
    rest = {
        "warnings": monitor.warnings,
        "paper": training.adapter.paper,
        "cost": cost,
        "curves": monitor.curves.points(),
        "provenance": where,
    }
    record = record_of(job, outcome, rest)
    ending = write_results(run_id, record, outcome.sheet, training.adapter.export(), repeated)
    checkpoints.clear()  # not before: a kill while measuring costs no training
    training.logger.finish(record, None if repeated else run_id.folder / SHEET)
    print_summary(run_id, record, time.monotonic() - inputs.begun, repeats=bool(repeated))
    return ending


def evaluate_swapped(
    job: Composition,
    whole: Composition,
    inputs: loop.RunInputs,
    evaluator: Evaluator,
    existing: str,
    signals: Signals,
) -> Ending:
    """Evaluate a run with swapped layers; the whole run is trained first where it is not there."""
    cfg, run_id, folder = job.cfg, job.run_id, whole.run_id.folder
    made_of = content(job, inputs)
    repeated = None if existing == "replace" else to_repeat(run_id, made_of)
    if not swaps.finished(folder, made_of):
        ending = train_and_evaluate(whole, inputs, evaluator, "compare", signals)
        if ending is not Ending.FINISHED:
            return ending
        seeds.everything(cfg.seed, deterministic=cfg.machine.deterministic)  # as without a training
    device = loop.device_of(trainer_of(cfg.machine))
    logger = build(cfg.logger)
    logger.open(run_id.folder, run_id.name, run_id.config, {}, 0)
    adapter = build(cfg.method, inputs.source)
    inputs.prepare(adapter, device)
    earlier = swaps.recall(adapter, folder)
    swapped = swaps.apply(build(cfg.swap), adapter)
    monitor = TrainingMonitor(images=adapter.images_seen, every=1)
    try:
        outcome = evaluator(adapter, inputs.domain, run_id.title)
    except NotFinite as error:
        outcome = of_failed_swap(inputs.domain, run_id.title, str(error))
    for sentence in outcome.warnings:
        monitor.warn(sentence)
    rest = {
        "of": folder.name,
        "warnings": [*earlier.warnings, *monitor.warnings],
        "paper": adapter.paper,
        "cost": earlier.to_json()["cost"],
        "provenance": environment(str(device)) | made_of,
    }
    record = record_of(job, outcome, rest)
    ending = write_results(run_id, record, outcome.sheet, swapped, repeated)
    logger.finish(record, None if repeated else run_id.folder / SHEET)
    print_summary(run_id, record, time.monotonic() - inputs.begun, repeats=bool(repeated))
    return ending


def record_of(job: Composition, outcome: Outcome, rest: dict[str, Any]) -> Record:
    """The record of a run, its parts in the order in which all records have them."""
    config, tolerance = portable(job.run_id.config), job.cfg.eval.tolerance
    head = {**job.run_id.head, **outcome.record(), "tolerance": tolerance, "config": config}
    end = {"protocol": protocol.summary(config, rest["provenance"])}
    return Record.from_json(portable(head | rest | end))
