"""The course of a training in a record."""

import pytest

from benchmarks.harness.training.monitor import POINTS, TrainingCurves


def test_points_are_the_means_of_their_stretches() -> None:
    curves = TrainingCurves(images=800)
    for step in range(200):
        curves.add(4 * (step + 1), {"loss": step // 5})
    points = curves.points()
    assert points["loss"] == list(range(POINTS))
    assert points["kimg"][0] == pytest.approx(0.02)
    assert points["kimg"][-1] == pytest.approx(0.8)


def test_a_short_run_has_as_many_points_as_steps_and_says_what_is_missing() -> None:
    curves = TrainingCurves(images=8)
    curves.add(4, {"a": 1.0})
    curves.add(8, {"b": 2.0})
    assert curves.points() == {"kimg": [0.004, 0.008], "a": [1.0, None], "b": [None, 2.0]}


def test_a_resumed_run_goes_on_in_the_middle_of_a_stretch() -> None:
    whole, first, second = (
        TrainingCurves(images=100),
        TrainingCurves(images=100),
        TrainingCurves(images=100),
    )
    for i in range(1, 101):
        whole.add(i, {"a": float(i * i)})
        if i <= 51:
            first.add(i, {"a": float(i * i)})
    second.restore(first.state())
    for i in range(52, 101):
        second.add(i, {"a": float(i * i)})
    assert second.points() == whole.points()
