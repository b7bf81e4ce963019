import json
from dataclasses import dataclass, replace

import pytest

from pixmend import PixmendError, override
from pixmend.config import from_plain, to_plain
from pixmend.recipes import RECIPES, find
from pixmend.train import FlatThenCosine, Milestones, Run


def test_override_sets_nested_fields_by_their_type():
    run = override(find("default"), "optim.lr=1e-4", "steps=7", "model.depths=2,2", "clip=none")
    assert (run.optim.lr, run.steps, run.model.depths, run.clip) == (1e-4, 7, (2, 2), None)


def test_override_leaves_the_original_as_it_was():
    run = find("default")
    override(run, "steps=7")
    assert run == find("default")


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("optim.lrr=1", "optim.lrr: Adam has no field 'lrr': did you mean lr?"),
        ("steps=many", "steps: Input should be a valid integer"),
        ("steps", "'steps': expected FIELD=VALUE"),
        ("name.first=x", "name.first: str has no fields to set"),
        ("precision=half", "precision: Input should be 'auto', 'float32' or 'bfloat16'"),
    ],
)
def test_a_bad_override_names_the_path_and_what_was_expected(assignment, message):
    with pytest.raises(PixmendError) as error:
        override(find("default"), assignment)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_survives_the_way_through_json(recipe):
    run = find(recipe)
    assert from_plain(Run, json.loads(json.dumps(to_plain(run))), where="run.json") == run


@pytest.mark.parametrize("schedule", [Milestones(at=(5, 9), of=12), FlatThenCosine(low=0.01, flat=0, of=9)])
def test_a_union_becomes_the_dataclass_with_these_fields(schedule):
    run = replace(find("default"), schedule=schedule)
    assert from_plain(Run, json.loads(json.dumps(to_plain(run))), where="run.json") == run


def test_an_unknown_field_in_a_file_is_refused_with_its_path():
    plain = {**to_plain(find("default")), "stepps": 3}
    with pytest.raises(PixmendError, match=r"run.json.stepps: Run has no field 'stepps': did you mean steps\?"):
        from_plain(Run, plain, where="run.json")


def test_a_missing_field_in_a_file_is_refused():
    @dataclass
    class Two:
        a: int
        b: int

    with pytest.raises(PixmendError, match="missing 1 required positional argument: 'b'"):
        from_plain(Two, {"a": 1}, where="two.json")


def test_an_unknown_recipe_names_the_nearest():
    with pytest.raises(PixmendError, match=r"no recipe is called 'defualt': did you mean default\?"):
        find("defualt")
