import pytest

from pixmend.train import Cosine, Halving, Plateau


def test_halving_halves_at_each_milestone():
    schedule = Halving(at=(2, 4))
    assert [schedule(step, 6) for step in range(6)] == [1, 1, 0.5, 0.5, 0.25, 0.25]


def test_halving_without_milestones_is_constant():
    assert {Halving()(step, 9) for step in range(9)} == {1.0}


def test_cosine_goes_from_one_to_its_last_value():
    schedule = Cosine(last=0.1)
    assert schedule(0, 100) == 1
    assert schedule(50, 100) == pytest.approx(0.55)
    assert schedule(100, 100) == pytest.approx(0.1)


def test_plateau_rises_stays_and_falls_to_nothing():
    schedule = Plateau(rise=10, fall=0.5)
    assert [schedule(step, 100) for step in (0, 4, 9, 30, 49)] == [0.1, 0.5, 1, 1, 1]
    assert schedule(75, 100) == pytest.approx(0.5)
    assert schedule(100, 100) == pytest.approx(0)


def test_a_longer_run_shares_the_plateau_of_a_shorter_one():
    schedule = Plateau(rise=10, fall=0.5)
    assert [schedule(step, 100) for step in range(50)] == [schedule(step, 200) for step in range(50)]
