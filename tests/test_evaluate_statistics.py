"""How sure a mean is, and whether a difference is more than chance."""

import math

import numpy as np
import pytest

from pixmend.evaluate.statistics import difference, interval


def test_an_interval_lies_around_the_mean_and_shrinks_with_more_pictures():
    values = np.random.default_rng(3).normal(30, 2, 400).tolist()
    few, many = interval(values[:25]), interval(values)
    assert few is not None and many is not None
    assert few.low < np.mean(values[:25]) < few.high
    expected = 1.96 * np.std(values) / math.sqrt(len(values))
    assert (many.high - many.low) / 2 == pytest.approx(expected, rel=0.1)
    assert many.high - many.low < few.high - few.low


def test_an_interval_needs_two_finite_values():
    assert interval([30.0]) is None and interval([30.0, math.inf]) is None
    same = interval([30.0, 30.0, 30.0])
    assert same is not None and same.low == same.high == 30


def test_the_same_values_give_the_same_interval():
    assert interval([1.0, 2.0, 5.0]) == interval([1.0, 2.0, 5.0])


def test_five_wins_of_five_have_the_smallest_p_that_five_pictures_allow():
    found = difference([31, 32, 33, 34, 36], [30, 31, 32, 33, 34])
    assert found is not None
    assert (found.wins, found.pictures, found.mean) == (5, 5, pytest.approx(1.2))
    assert found.p == pytest.approx(2 / 2**5)


def test_models_that_are_even_are_not_told_apart():
    found = difference([31, 30, 31, 30], [30, 31, 30, 31])
    assert found is not None and found.mean == 0 and found.p == 1 and found.wins == 2


def test_with_many_pictures_random_signs_stand_for_all():
    gains = np.random.default_rng(0).normal(0.3, 1, 100)
    found = difference((30 + gains).tolist(), [30.0] * 100)
    assert found is not None
    t = gains.mean() / (gains.std(ddof=1) / 10)
    assert found.p == pytest.approx(math.erfc(abs(t) / math.sqrt(2)), abs=0.01)


def test_a_perfect_picture_leaves_no_difference_to_test():
    assert difference([math.inf, 30.0], [30.0, 30.0]) is None and difference([], []) is None
