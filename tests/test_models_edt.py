from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import pixmend as pm
import small
from pixmend.models import build
from pixmend.models.edt import EDTConfig

TINY = EDTConfig(tasks=("sr_x2", "sr_x3", "sr_x4", "dn_g25", "dr_L"), features=4, dim=8, depths=(2,), num_heads=2)


@pytest.mark.parametrize(
    ("name", "tasks", "count"),
    [
        ("edt_t", ("sr_x2",), 916_924),
        ("edt_t", ("sr_x3",), 919_099),
        ("edt_t", ("sr_x4",), 922_144),
        ("edt_t", ("dn_g15",), 923_939),
        ("edt_t", ("sr_x2", "sr_x3", "sr_x4"), 1_100_127),
        ("edt_s", ("sr_x4",), 4_267_315),
        ("edt_s", ("dr_H",), 4_226_611),
        ("edt_s", ("sr_x2", "sr_x3", "sr_x4"), 5_076_201),
        ("edt_b", ("sr_x3",), 11_663_995),
        ("edt_b", ("dn_g50",), 11_503_163),
        ("edt_b", ("sr_x2", "sr_x3", "sr_x4"), 14_576_937),
        ("edt_l", ("sr_x2",), 39_927_395),
        ("edt_l", ("dn_g25",), 40_176_739),
        ("edt_l", ("sr_x2", "sr_x3", "sr_x4"), 51_193_161),
    ],
)
def test_parameter_counts_are_those_of_the_published_sizes(name, tasks, count):
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in pm.create(name, tasks=tasks).parameters()) == count


def test_official_names_and_back_lose_nothing():
    small.there_and_back(TINY)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from(TINY.tasks))
def test_any_size_comes_out_exactly_as_large_as_promised(height, width, task):
    network = build(replace(TINY, tasks=(task,))).eval()
    scale = int(task[-1]) if task.startswith("sr") else 1
    with torch.inference_mode():
        assert network(torch.rand(1, 3, height, width)).shape == (1, 3, scale * height, scale * width)


def test_padding_does_not_change_a_picture_that_needs_none():
    branch = build(TINY).eval().select("sr_x2")
    x = torch.rand(1, 3, 24, 48)
    with torch.inference_mode():
        torch.testing.assert_close(branch(x), branch.restore(x - branch.mean_of(x)) + branch.mean_of(x))


def test_pictures_of_a_batch_do_not_mix():
    network = build(TINY).eval()
    x = torch.rand(2, 3, 24, 24)
    with torch.inference_mode():
        both, second = network(x, task="sr_x2"), network(x[1:], task="sr_x2")
    torch.testing.assert_close(both[1:], second)


def test_one_pass_for_all_tasks_gives_what_each_task_gives_alone():
    network = build(TINY).eval()
    x = {task: torch.rand(2, 3, *(24 * network.reduction(task),) * 2) for task in TINY.tasks}
    with torch.inference_mode():
        together = network.together(x)
        for task, picture in x.items():
            torch.testing.assert_close(together[task], network(picture, task=task))


def test_every_parameter_gets_a_gradient():
    network = build(TINY)
    x = {task: torch.rand(1, 3, *(24 * network.reduction(task),) * 2) for task in TINY.tasks}
    sum(y.square().sum() for y in network.together(x).values()).backward()
    without = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_forward_changes_nothing_and_repeats_itself():
    network = build(TINY).eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    attributes = set(vars(network))
    x = torch.rand(1, 3, 30, 20)
    with torch.inference_mode():
        first, second = network(x, task="dn_g25"), network(x, task="dn_g25")
    assert torch.equal(first, second)
    assert set(vars(network)) == attributes
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_bfloat16_stays_close_to_float32():
    torch.manual_seed(0)
    network = build(TINY).eval()
    x = torch.rand(1, 3, 24, 24)
    with torch.inference_mode():
        exact = network(x, task="sr_x2")
        rough = network.bfloat16()(x.bfloat16(), task="sr_x2").float()
    assert (rough - exact).abs().max() < 0.05


def test_drop_path_acts_in_training_only():
    network = build(replace(TINY, depths=(4,), drop_path=0.9))
    x = torch.rand(32, 3, 24, 24)
    with torch.no_grad():
        assert not torch.equal(network.train()(x, task="sr_x2"), network(x, task="sr_x2"))
        assert torch.equal(network.eval()(x, task="sr_x2"), network(x, task="sr_x2"))


def test_a_task_must_be_named_where_there_are_several():
    with pytest.raises(pm.PixmendError, match="a task must be named: this network has sr_x2, sr_x3"):
        build(TINY)(torch.rand(1, 3, 8, 8))


def test_an_unknown_task_is_refused_by_name():
    with pytest.raises(pm.PixmendError, match="no task 'sr_x8': this network has sr_x2, sr_x3"):
        build(TINY).select("sr_x8")


@pytest.mark.parametrize("tasks", [("sr_x5",), (), ("sr_x2", "sr_x2"), ("blur",)])
def test_tasks_that_edt_cannot_have_are_refused(tasks):
    with pytest.raises(pm.PixmendError, match="EDT"):
        pm.create("edt_t", tasks=tasks)


def test_an_unknown_variant_names_the_nearest():
    with pytest.raises(pm.PixmendError, match=r"no network is called 'edt_tt': did you mean edt_t\?"):
        pm.create("edt_tt")


def test_one_task_as_text_is_refused_as_that():
    with pytest.raises(pm.PixmendError, match="tasks is a tuple of names, got the text 'sr_x2'"):
        pm.create("edt_p", tasks="sr_x2")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.rand(3, 8, 8), r"expected a batch \(B, 3, H, W\) with H, W >= 1, got shape \(3, 8, 8\)"),
        (torch.rand(1, 1, 8, 8), r"got shape \(1, 1, 8, 8\)"),
        (torch.rand(1, 3, 0, 8), r"got shape \(1, 3, 0, 8\)"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "got torch.uint8: divide 8-bit values by 255 first"),
    ],
)
def test_a_wrong_input_is_refused_with_its_shape(x, message):
    with pytest.raises(pm.PixmendError, match=message):
        build(TINY)(x, task="sr_x2")
