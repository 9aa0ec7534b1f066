"""One function seeds everything, and says what it cannot hold."""

import random

import numpy as np
import torch

from benchmarks.harness.training import seeds


def drawn():
    return (
        random.random(),
        float(np.random.rand()),  # noqa: NPY002 - the global generator is what is tested
        float(torch.rand(())),
    )


def test_one_function_seeds_python_numpy_and_torch():
    seeds.everything(3, deterministic=True)
    first = drawn()
    seeds.everything(3, deterministic=True)
    assert drawn() == first
    seeds.everything(4, deterministic=True)
    assert all(a != b for a, b in zip(drawn(), first, strict=True))


def test_the_generators_go_on_where_they_were_put():
    seeds.everything(3, deterministic=True)
    drawn()
    kept, then = seeds.state(), drawn()
    seeds.everything(9, deterministic=True)
    seeds.restore(kept)
    assert drawn() == then


def test_deterministic_is_what_torch_is_told():
    seeds.everything(0, deterministic=False)
    assert not torch.are_deterministic_algorithms_enabled()
    seeds.everything(0, deterministic=True)
    assert torch.are_deterministic_algorithms_enabled()


def test_the_record_says_what_a_gpu_leaves_to_chance():
    cpu, gpu = torch.device("cpu"), torch.device("cuda", 0)
    assert seeds.left_to_chance(cpu, deterministic=True) == []
    assert seeds.left_to_chance(cpu, deterministic=False) == []
    assert len(seeds.left_to_chance(gpu, deterministic=False)) == 2
    assert seeds.left_to_chance(gpu, deterministic=True) == []
