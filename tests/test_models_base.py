import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

import pixmend as pm
from pixmend.models.base import Restorer, extend_to_multiple


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 40))
def test_extending_reaches_the_next_multiple_and_keeps_the_picture(height, width, multiple):
    x = torch.rand(2, 3, height, width)
    extended = extend_to_multiple(x, multiple)
    assert extended.shape[2] % multiple == 0 and extended.shape[2] - height < multiple
    assert extended.shape[3] % multiple == 0 and extended.shape[3] - width < multiple
    assert torch.equal(extended[..., :height, :width], x)


def test_extending_is_reflection_where_reflection_is_possible():
    x = torch.rand(1, 3, 10, 13)
    assert torch.equal(extend_to_multiple(x, 8), F.pad(x, (0, 3, 0, 6), mode="reflect"))


def test_a_short_side_is_mirrored_again_and_again():
    x = torch.tensor([[1.0, 2.0, 3.0]])
    assert extend_to_multiple(x, 8)[0].tolist() == [1, 2, 3, 2, 1, 2, 3, 2]


class Ranged(Restorer):
    """Keeps what it was given, in its own mean and range."""

    value_range = 255.0

    mean = (0.1, 0.2, 0.3)

    def restore(self, x):
        self.seen = x
        return x


def test_mean_and_value_range_are_the_networks_and_come_off_again():
    network, x = Ranged(), torch.rand(1, 3, 4, 4)
    torch.testing.assert_close(network(x), x)
    torch.testing.assert_close(network.seen, (x - torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1)) * 255)


def test_a_network_of_one_task_has_nothing_to_select():
    network = Ranged()
    assert network.select(None) is network
    with pytest.raises(pm.PixmendError, match="no task 'sr_x2': this network has one task and needs no name"):
        network.select("sr_x2")
    network.tasks = ("dr",)
    assert network.select("dr") is network
    with pytest.raises(pm.PixmendError, match="no task 'sr_x2': this network does dr"):
        network.select("sr_x2")


class Fixed(Restorer):
    """Repeats pixels twice, and takes 16 x 16 alone."""

    fixed_size, scale = 16, 2

    def restore(self, x):
        assert x.shape[-2:] == (16, 16)
        return x.repeat_interleave(2, -1).repeat_interleave(2, -2)


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (5, 40), (33, 17)])
def test_a_network_of_fixed_size_sees_windows_of_any_picture(size, monkeypatch):
    monkeypatch.setattr("pixmend.models.base.WINDOW_OVERLAP", 8)
    x = torch.rand(2, 3, *size)
    torch.testing.assert_close(Fixed()(x), x.repeat_interleave(2, -1).repeat_interleave(2, -2))
