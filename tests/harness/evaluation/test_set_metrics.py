"""Distances between sets as torchmetrics: of batches, of two processes, and in a training loop."""

import lightning as L
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F

from benchmarks.harness.evaluation.metrics import (
    authenticity,
    density_coverage,
    frechet_distance,
    gaussian_mmd,
    intra_cluster,
    moments,
    polynomial_mmd,
    precision_recall,
    set_metrics,
)
from benchmarks.harness.evaluation.metrics.clusters import squared_distances

GENERATOR = torch.Generator().manual_seed(0)
REAL = torch.randn(60, 8, generator=GENERATOR)
FAKE = torch.randn(60, 8, generator=GENERATOR) * 1.2 + 0.3
DIGITS = {"kernel": 1e-6}  # of single precision


def metrics(**kwargs):
    return {
        "frechet": set_metrics.FrechetDistance(**kwargs),
        "kernel": set_metrics.KernelDistance(subsets=1, subset_size=100, seed=0, **kwargs),
        "gaussian": set_metrics.GaussianKernelDistance(sigma=3.0, **kwargs),
        "precision_recall": set_metrics.PrecisionRecall(k=3, **kwargs),
        "density_coverage": set_metrics.DensityCoverage(k=5, **kwargs),
        "authenticity": set_metrics.Authenticity(**kwargs),
        "intra": set_metrics.IntraClusterDistance(cap=10, seed=0, **kwargs),
        "identity": set_metrics.IdentitySimilarity(**kwargs),
    }


def expected():
    """By the pure functions, of all rows at once."""
    real, fake = REAL.double(), FAKE.double()
    distances = squared_distances(FAKE, REAL)
    clusters = intra_cluster(
        distances,
        lambda i: squared_distances(FAKE[i], FAKE[i]),
        10,
        torch.randperm(60, generator=torch.Generator().manual_seed(0)),
    )
    return {
        "frechet": frechet_distance(*moments(real), *moments(fake)),
        "kernel": polynomial_mmd(real, fake),
        "gaussian": 1000 * gaussian_mmd(F.normalize(real), F.normalize(fake), 3.0),
        "precision_recall": precision_recall(real, fake, 3)._asdict(),
        "density_coverage": density_coverage(real, fake, 5)._asdict(),
        "authenticity": authenticity(real, fake),
        "intra": clusters.dropped,
        "identity": float((real * fake).sum(1).mean()),
    }


def update(metric, real, fake):
    for part in real.split(7):
        metric.update(part, real=True)
    for part in fake.split(9):
        metric.update(part, real=False)


def plain(value):
    return {k: float(v) for k, v in value.items()} if isinstance(value, dict) else float(value)


@pytest.mark.parametrize("name", metrics())
def test_batches_give_what_the_functions_give_of_all_rows(name):
    metric = metrics()[name]
    for _ in range(2):
        update(metric, REAL, FAKE)
        exact = pytest.approx(expected()[name], rel=DIGITS.get(name, 1e-12))
        assert plain(metric.compute()) == exact
        metric.reset()
        assert metric.real == metric.fake == []
    with (
        pytest.warns(UserWarning, match="before the"),
        pytest.raises(ValueError, match="no features"),
    ):
        metric.compute()


def test_better_is_lower_for_distances_and_higher_for_shares():
    lower = {name for name, metric in metrics().items() if not metric.higher_is_better}
    assert lower == {"frechet", "kernel", "gaussian"}
    assert not any(metric.full_state_update for metric in metrics().values())


def test_a_kernel_distance_depends_on_its_seed_and_not_on_the_global_generator():
    def distance(seed, ambient):
        torch.manual_seed(ambient)
        metric = set_metrics.KernelDistance(subsets=4, subset_size=20, seed=seed)
        update(metric, REAL, FAKE)
        return float(metric.compute()), metric.draws()

    first, draws = distance(0, 0)
    assert distance(0, 1)[0] == first == float(draws.mean())
    assert len(draws) == 4
    assert draws.std() > 0
    assert distance(1, 0)[0] != first


def test_rows_stay_as_they_came():
    metric = set_metrics.of(set_metrics.FrechetDistance, REAL, FAKE)
    assert metric.sets()[0].data_ptr() == REAL.data_ptr()  # a single batch is not copied
    in_float64 = set_metrics.of(set_metrics.FrechetDistance, REAL.double(), FAKE.double())
    assert metric.compute() == in_float64.compute()


def test_identities_are_compared_in_pairs():
    people = torch.eye(4)
    metric = set_metrics.of(set_metrics.IdentitySimilarity, people, people[[0, 1, 3, 2]])
    assert metric.cosines().tolist() == [1, 1, 0, 0]
    assert metric.recognised().tolist() == [True, True, False, False]
    odd = set_metrics.of(set_metrics.IdentitySimilarity, people, people[:3])
    with pytest.raises(ValueError, match="as many reals as fakes, not 4 and 3"):
        odd.compute()


def gathered(rank, address):
    """One of two processes: it has a third or two thirds of the rows, and must have all results."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{address}", rank=rank, world_size=2)
    part = slice(0, 20) if rank == 0 else slice(20, 60)
    for name, metric in metrics().items():
        update(metric, REAL[part], FAKE[part])
        digits = DIGITS.get(name, 1e-12)
        assert plain(metric.compute()) == pytest.approx(expected()[name], rel=digits), name
        assert sum(map(len, metric.real)) == part.stop - part.start  # its own again afterwards
    own = set_metrics.of(set_metrics.FrechetDistance, REAL[part], FAKE[part])  # as of a gallery
    alone = frechet_distance(*moments(REAL[part].double()), *moments(FAKE[part].double()))
    assert float(own.compute()) == pytest.approx(alone, rel=1e-12)
    dist.destroy_process_group()


@pytest.mark.slow
def test_two_processes_measure_what_one_does(tmp_path):
    # Everything is imported once for both.
    mp.get_context("forkserver").set_forkserver_preload([__name__])
    where = (str(tmp_path / "rendezvous"),)
    mp.start_processes(gathered, where, nprocs=2, start_method="forkserver")  # raises what they do


class Logs(L.LightningModule):
    """A module of somebody's own that logs them as it logs any metric."""

    def __init__(self):
        super().__init__()
        self.distance, self.shares = (
            set_metrics.FrechetDistance(),
            set_metrics.PrecisionRecall(k=3),
        )

    def validation_step(self, batch):
        (real, fake) = batch
        for metric in (self.distance, self.shares):
            metric.update(real, real=True)
            metric.update(fake, real=False)
        self.log("frechet", self.distance)

    def on_validation_epoch_end(self):
        self.log_dict(self.shares.compute())
        self.shares.reset()


def test_a_lightning_module_logs_them():
    data = torch.utils.data.TensorDataset(REAL, FAKE)
    trainer = L.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False,
        enable_checkpointing=False,
    )  # fmt: skip
    (logged,) = trainer.validate(Logs(), torch.utils.data.DataLoader(data, 16), verbose=False)
    assert logged["frechet"] == pytest.approx(expected()["frechet"])
    shares = {name: logged[name] for name in ("precision", "recall")}
    assert shares == pytest.approx(expected()["precision_recall"])
