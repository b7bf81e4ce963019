import math

import pytest

import pixmend as pm
from pixmend.train.schedule import Constant, CosineRestarts, FlatThenCosine, Milestones, Plateau

RESTORMER = FlatThenCosine(flat=92_000, of=300_000, low=1e-6 / 3e-4)


def test_a_constant_rate_never_changes():
    assert {Constant()(step, 9) for step in range(9)} == {1.0}


def test_the_rate_falls_at_each_milestone():
    schedule = Milestones(at=(2, 4), of=6)
    assert [schedule(step, 6) for step in range(6)] == [1, 1, 0.5, 0.5, 0.25, 0.25]


def test_the_factor_of_milestones_is_a_choice():
    assert Milestones(at=(200,), of=300, factor=0.4)(200, 300) == 0.4


def test_milestones_of_a_paper_lie_where_it_has_them():
    schedule = Milestones(at=(250_000, 400_000, 450_000, 475_000), of=500_000)
    changes = [step for step in range(1, 500_000) if schedule(step, 500_000) != schedule(step - 1, 500_000)]
    assert changes == [250_000, 400_000, 450_000, 475_000]


@pytest.mark.parametrize("steps", [1000, 15_000])
def test_milestones_move_with_the_length_of_the_run(steps):
    schedule = Milestones(at=(2_500, 4_500), of=5_000)
    changes = [step for step in range(1, steps) if schedule(step, steps) != schedule(step - 1, steps)]
    assert changes == [steps // 2, steps * 9 // 10]


def test_the_flat_part_is_flat_and_the_cosine_ends_low():
    assert {RESTORMER(step, 300_000) for step in range(0, 92_001, 1000)} == {1.0}
    assert RESTORMER(92_000 + 104_000, 300_000) == pytest.approx((1 + 1e-6 / 3e-4) / 2)
    assert RESTORMER(300_000, 300_000) == pytest.approx(1e-6 / 3e-4)


def test_a_shorter_run_has_the_same_cosine_in_fewer_steps():
    assert [RESTORMER(step, 300) for step in range(300)] == pytest.approx(
        [RESTORMER(1000 * step, 300_000) for step in range(300)]
    )


def test_without_a_flat_part_it_is_a_cosine():
    schedule = FlatThenCosine(flat=0, of=1, low=0.1)
    assert schedule(0, 100) == 1
    assert schedule(50, 100) == pytest.approx(0.55)
    assert schedule(100, 100) == pytest.approx(0.1)


def test_every_cycle_begins_at_one_and_ends_low():
    schedule = CosineRestarts(cycles=4, low=1e-7 / 2e-4)
    assert [schedule(start, 1000) for start in (0, 250, 500, 750)] == [1, 1, 1, 1]
    assert [schedule(start + 125, 1000) for start in (0, 250, 500, 750)] == pytest.approx([0.50025] * 4)
    assert schedule(249, 1000) == pytest.approx(1e-7 / 2e-4, abs=1e-4)


def test_a_cycle_that_is_no_whole_number_of_steps_still_restarts():
    schedule = CosineRestarts(cycles=3, low=0)
    rates = [schedule(step, 10) for step in range(10)]
    assert [step for step in range(1, 10) if rates[step] > rates[step - 1]] == [4, 7]


def test_plateau_rises_stays_and_falls_to_nothing():
    schedule = Plateau(rise=10, fall=0.5)
    assert [schedule(step, 100) for step in (0, 4, 9, 30, 49)] == [0.1, 0.5, 1, 1, 1]
    assert schedule(75, 100) == pytest.approx(0.5)
    assert schedule(100, 100) == pytest.approx(0)


def test_a_longer_run_shares_the_plateau_of_a_shorter_one():
    schedule = Plateau(rise=10, fall=0.5)
    assert [schedule(step, 100) for step in range(50)] == [schedule(step, 200) for step in range(50)]


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        (Milestones, {"at": (), "of": 9}, "schedule.at: expected milestones that rise from above 0 to below 9"),
        (Milestones, {"at": (0,), "of": 9}, "schedule.at"),
        (Milestones, {"at": (4, 2), "of": 9}, "schedule.at"),
        (Milestones, {"at": (2, 2), "of": 9}, "schedule.at"),
        (Milestones, {"at": (4_750_000,), "of": 500_000}, r"below 500000, got \(4750000,\)"),
        (Milestones, {"at": (2,), "of": 9, "factor": 1}, "schedule.factor: expected above 0 to below 1, got 1"),
        (Milestones, {"at": (2,), "of": 9, "factor": 0.0}, "schedule.factor"),
        (FlatThenCosine, {"flat": 9, "of": 9, "low": 0}, "schedule.flat: expected from 0 to below 9, got 9"),
        (FlatThenCosine, {"flat": -1, "of": 9, "low": 0}, "schedule.flat"),
        (FlatThenCosine, {"flat": 0, "of": 0, "low": 0}, "schedule.flat"),
        (FlatThenCosine, {"flat": 0, "of": 9, "low": math.nan}, "schedule.low"),
        (FlatThenCosine, {"flat": 0, "of": 9, "low": 3e-6 / 1e-6}, "a factor on the base rate, got 3"),
        (CosineRestarts, {"cycles": 0, "low": 0}, "schedule.cycles: expected 1 or more, got 0"),
        (CosineRestarts, {"cycles": 2, "low": -0.1}, "schedule.low"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(kind, fields, message):
    with pytest.raises(pm.PixmendError, match=message):
        kind(**fields)
