"""Names of tasks, and the hint at the nearest name."""

import pytest

from pixmend import data, evaluate
from pixmend.errors import PixmendError, nearest
from pixmend.tasks import Task, parse_task


@pytest.mark.parametrize(
    ("name", "kind", "scale", "sigma"),
    [
        *((f"sr_x{scale}", "sr", scale, None) for scale in (2, 3, 4, 8)),
        ("dn_g1", "dn", 1, 1),
        ("dn_g15", "dn", 1, 15),
        ("dr_L", "dr", 1, None),
        ("dr_H", "dr", 1, None),
        ("dr", "dr", 1, None),
    ],
)
def test_a_tasks_name_says_its_kind_scale_and_noise(name: str, kind: str, scale: int, sigma: int | None) -> None:
    task = parse_task(name)
    assert (task.name, task.kind, task.scale, task.sigma) == (name, kind, scale, sigma)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("sr_2", "did you mean sr_x2?"),
        ("sr_2x", "did you mean sr_x2?"),
        ("sr_x1", "did you mean sr_x2?"),
        ("sr_x5", "did you mean sr_x2?"),
        ("sr_x22", "did you mean sr_x2?"),
        ("dn_15", "did you mean dn_g15?"),
        ("dn_g0", "did you mean dn_g50?"),
        ("dr_X", "did you mean dr_L?"),
        ("??", "there is sr_x2, sr_x3, sr_x4, sr_x8, dn_g15, dn_g25, dn_g50, dr_L, dr_H"),
        ("", "there is sr_x2"),
    ],
)
def test_an_unknown_task_is_refused_with_the_nearest_name(name: str, hint: str) -> None:
    with pytest.raises(PixmendError) as caught:
        parse_task(name)
    assert str(caught.value).startswith(f"no task is called {name!r}: {hint}")


@pytest.mark.parametrize("name", ["sr_real_x2", "sr_real_x4", "dn_blind"])
def test_a_task_that_is_trained_and_not_scored_is_said_to_be_one(name: str) -> None:
    with pytest.raises(PixmendError, match=f"task {name}: there is no benchmark of it"):
        parse_task(name)
    assert data.scale(name) == (int(name[-1]) if name.startswith("sr") else 1)


def test_evaluate_offers_the_same_tasks() -> None:
    assert evaluate.Task is Task and evaluate.parse_task is parse_task


def test_the_nearest_name_is_the_first_of_equally_near_ones() -> None:
    assert nearest("ab", ["ac", "ad"]) == "there is ac, ad"
    assert nearest("abcd", ["abcx", "abcy"]) == "did you mean abcx?"
    assert nearest("abcd", ["abcy", "abcx"]) == "did you mean abcy?"


def test_names_may_be_read_only_once() -> None:
    assert nearest("xyz", iter(["a", "b"])) == "there is a, b"
