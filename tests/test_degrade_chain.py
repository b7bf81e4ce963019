"""Chain and Choice: order, keys, and what makes two of them equal."""

import dataclasses
import typing

import pytest
import torch

from pixmend import degrade
from pixmend.degrade import (
    BSRGAN,
    RAIN_LIGHT,
    Bicubic,
    Chain,
    Choice,
    Degradation,
    GaussianNoise,
    Round8,
    Sharpen,
    imresize,
)
from pixmend.errors import PixmendError
from pixmend.seeding import child

IMAGE = torch.rand(3, 24, 32, generator=torch.Generator().manual_seed(0))
NOISE = GaussianNoise(sigma=15)
DIM = GaussianNoise(sigma=50)


def test_a_chain_applies_its_steps_in_order_each_with_its_own_child_of_the_key() -> None:
    low = Chain(Bicubic(scale=4), NOISE, DIM)(IMAGE, seed=0)
    assert torch.equal(low, DIM(NOISE(imresize(IMAGE, scale=1 / 4), (0, 1)), (0, 2)))


def test_adding_a_step_at_the_end_leaves_the_draws_before_it_alone() -> None:
    assert torch.equal(Chain(NOISE, Round8())(IMAGE, seed=3), Round8()(Chain(NOISE)(IMAGE, seed=3), seed=9))


def test_a_nested_chain_draws_from_grandchildren_of_the_key() -> None:
    nested = Chain(Round8(), Chain(Round8(), NOISE))(IMAGE, seed=(5, 2))
    assert torch.equal(nested, NOISE(Round8()(IMAGE), (5, 2, 1, 1)))


def test_the_same_step_twice_draws_twice() -> None:
    once, twice = Chain(NOISE)(IMAGE, seed=0), Chain(NOISE, NOISE)(IMAGE, seed=0)
    assert not torch.allclose(twice - once, once - IMAGE, atol=1e-3)


def test_a_choice_hands_the_picked_option_its_child_of_the_key() -> None:
    choice = Choice(NOISE, DIM, RAIN_LIGHT)
    for seed in range(10):
        picked = choice.pick(seed)
        assert torch.equal(choice(IMAGE, seed=seed), choice.options[picked](IMAGE, child(seed, picked)))


def test_a_choice_picks_evenly_without_weights() -> None:
    picks = torch.tensor([Choice(NOISE, DIM, Round8()).pick((1, i)) for i in range(900)]).bincount(minlength=3)
    assert picks.min() > 240 and picks.max() < 360


def test_a_choice_picks_by_weight_and_never_what_weighs_nothing() -> None:
    choice = Choice(NOISE, DIM, Round8(), weights=[3, 0, 1])
    picks = torch.tensor([choice.pick((2, i)) for i in range(800)]).bincount(minlength=3)
    assert picks[1] == 0
    assert picks[0].item() == pytest.approx(600, abs=60)


def test_chains_and_choices_nest() -> None:
    recipe = Chain(Choice(Bicubic(scale=2), Bicubic(scale=4)), Choice(NOISE, Chain(RAIN_LIGHT, DIM)), Round8())
    sizes = {tuple(recipe(IMAGE, seed=(0, i)).shape[1:]) for i in range(20)}
    assert sizes == {(12, 16), (6, 8)}


def test_the_same_key_gives_the_same_picture_and_another_index_another() -> None:
    recipe = Chain(Choice(NOISE, DIM), RAIN_LIGHT)
    assert torch.equal(recipe(IMAGE, seed=(1, 2)), recipe(IMAGE, seed=(1, 2)))
    assert not torch.equal(recipe(IMAGE, seed=(1, 2)), recipe(IMAGE, seed=(1, 3)))


def test_equal_steps_make_equal_chains_with_equal_hashes() -> None:
    one, other = Chain(Bicubic(scale=4), GaussianNoise(sigma=15)), Chain(Bicubic(scale=4), NOISE)
    assert one == other and hash(one) == hash(other)
    assert one != Chain(NOISE, Bicubic(scale=4))
    assert Choice(NOISE, DIM) != Choice(NOISE, DIM, weights=(1, 2))
    assert Choice(NOISE, DIM, weights=[1, 2]) == Choice(NOISE, DIM, weights=(1.0, 2.0))


@pytest.mark.parametrize("step", [Chain(NOISE), Choice(NOISE), NOISE, RAIN_LIGHT, Round8(), Sharpen(), BSRGAN(scale=2)])
def test_degradations_are_frozen_and_slotted(step: Degradation) -> None:
    assert not hasattr(step, "__dict__")
    for field in dataclasses.fields(step):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(step, field.name, None)


def test_the_union_lists_every_degradation_of_the_room() -> None:
    classes = {value for value in vars(degrade).values() if dataclasses.is_dataclass(value) and isinstance(value, type)}
    assert set(typing.get_args(Degradation)) == classes


def test_an_empty_chain_and_an_empty_choice_are_refused() -> None:
    with pytest.raises(PixmendError, match="Chain: expected one step or more"):
        Chain()
    with pytest.raises(PixmendError, match="Choice: expected one option or more"):
        Choice()


@pytest.mark.parametrize("weights", [(1,), (1, 2, 3), (-1, 2), (0, 0), (float("nan"), 1), (float("inf"), 1)])
def test_weights_that_do_not_weigh_the_options_are_refused(weights: tuple[float, ...]) -> None:
    with pytest.raises(PixmendError, match="Choice: expected"):
        Choice(NOISE, DIM, weights=weights)
