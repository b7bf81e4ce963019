"""Points where features are read: which there are in every network, and that reading leaves no trace."""

import pytest
import torch

from pixmend import analyze
from pixmend.analyze.network import asked, check_askable
from pixmend.analyze.place import busiest
from pixmend.analyze.points import Point, find_points, points_of, watched
from pixmend.errors import PixmendError
from pixmend.models import build
from pixmend.models.base import Restorer, blocks_of
from pixmend.models.edt import EDTConfig
from pixmend.models.ipt import IPTConfig
from small import SMALL

IPT = IPTConfig(tasks=("sr_x2", "dr"), features=4, patch=3, num_heads=2, num_layers=2, mlp_ratio=2, size=12)
FAMILIES = {**SMALL, "ipt": IPT}


def network_of(name: str) -> Restorer:
    torch.manual_seed(0)
    return build(FAMILIES[name]).eval().select(None if name != "ipt" else "sr_x2")


@pytest.fixture(params=FAMILIES)
def network(request) -> Restorer:
    return network_of(request.param)


def hooks_on(network: Restorer) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules())


def test_every_block_gives_its_output_and_every_point_is_passed_once(network):
    points, passed = points_of(network), []
    side = network.fixed_size or network.multiple
    with asked(network), torch.no_grad(), watched(network, points, lambda point, features: passed.append(point)):
        network(torch.rand(1, network.in_channels, side, side))
    names = dict(network.named_modules())
    outputs = {id(names[point.module]) for point in points if point.kind in ("feed-forward", "block")}
    unused = {id(network.get_submodule(name)) for name in getattr(network, "UNUSED", ()) if name in names}
    assert outputs == {id(block) for block in blocks_of(network)} - unused
    assert passed == points
    assert len({point.name for point in points}) == len(points)


@pytest.mark.parametrize("name", ["edt_t", "hat", "restormer", "swinir", "ipt"])
def test_what_leaves_the_attention_and_the_feed_forward_part_make_the_stream(name):
    network = network_of(name)
    points = [point for point in points_of(network) if point.kind in ("attention", "feed-forward")]
    assert [point.kind for point in points].count("attention") >= len(blocks_of(network))
    stream: dict[str, torch.Tensor] = {}
    norm = {point.module for point in points if point.kind == "attention"}
    second = [Point(name=f"{name} out", module=name) for name in norm]
    side = network.fixed_size or network.multiple
    watch = watched(network, [*points, *second], lambda point, features: stream.update({point.name: features}))
    with asked(network), torch.no_grad(), watch:
        network(torch.rand(1, network.in_channels, side, side))
    for point in (point for point in points if point.kind == "attention"):
        again = network.get_submodule(point.module)(stream[point.name])
        torch.testing.assert_close(again, stream[f"{point.module} out"])


@pytest.mark.parametrize(
    ("name", "head", "tail"), [("edt_t", "edt.heads.sr_x2", "edt.tails.sr_x2"), ("hat", "conv_first", "conv_last")]
)
def test_heads_come_before_the_blocks_and_tails_after_them(name, head, tail):
    points = points_of(network_of(name))
    assert (points[0].name, points[0].kind, points[-1].name, points[-1].kind) == (head, "head", tail, "tail")


def test_reading_leaves_no_hook_and_no_change_even_after_an_error(network):
    network.train()
    flags = [parameter.requires_grad for parameter in network.parameters()]
    point = points_of(network)[0]

    def fail(point: Point, features: torch.Tensor) -> None:
        raise RuntimeError("full")

    side = network.fixed_size or network.multiple
    with pytest.raises(RuntimeError, match="full"), asked(network), watched(network, [point], fail):
        assert not network.training
        network(torch.rand(1, network.in_channels, side, side))
    assert network.training and hooks_on(network) == 0
    assert [parameter.requires_grad for parameter in network.parameters()] == flags


def test_modules_are_found_by_the_names_of_the_whole_network_too():
    network = network_of("edt_t")
    short, full = find_points(network, ["body.conv_after_body", "edt.body.layers.0"])
    assert (short.module, short.kind) == ("edt.body.conv_after_body", "tail")
    assert (full.module, full.kind) == ("edt.body.layers.0", "module")


def test_an_unknown_module_names_the_nearest():
    with pytest.raises(PixmendError, match=r"'conv_frist'.*did you mean conv_first"):
        find_points(network_of("hat"), ["conv_frist"])
    with (
        pytest.raises(PixmendError, match="no module is called 'nothing'"),
        watched(network_of("hat"), [Point(name="a", module="nothing")], print),
    ):
        pass


def test_a_compiled_network_is_refused():
    network = network_of("edsr_baseline")
    with pytest.raises(PixmendError, match="compiled"):
        check_askable(torch.compile(network))
    network.body[0].compile()
    with pytest.raises(PixmendError, match=r"body\.0 is compiled"):
        check_askable(network)


def test_half_precision_is_refused_with_the_way_out():
    with pytest.raises(PixmendError, match=r"bfloat16.*network\.float\(\)"):
        points_of(network_of("edsr_baseline").bfloat16())


def test_autocast_outside_does_not_reach_inside():
    network, x = network_of("edsr_baseline"), torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        expected = network(x)
        with torch.autocast("cpu", torch.bfloat16):
            assert not torch.equal(network(x), expected)
            with asked(network):
                assert torch.equal(network(x), expected)


def test_the_task_of_a_network_with_several_has_its_blocks():
    network = build(EDTConfig(tasks=("sr_x2", "dn_g25"), features=2, dim=8, depths=(2,), num_heads=2, window=(2, 4)))
    assert len(blocks_of(network.select("dn_g25"))) == len(blocks_of(network)) == 2


def test_the_busiest_place_is_where_the_texture_is():
    image = torch.zeros(3, 40, 60)
    image[:, 20:28, 33:41] = (torch.arange(64) % 2).view(8, 8).float() + torch.arange(8)[:, None] % 2
    top, left = busiest(image, size=(10, 10))
    assert 18 <= top <= 20 and 31 <= left <= 33
    assert busiest(torch.zeros(3, 5, 5), size=(2, 2)) == (0, 0)
    striped = torch.zeros(3, 20, 20)
    striped[:, 9:16:2] = 1  # level stripes alone
    assert busiest(striped, size=(8, 8)) == (9, 0)
    assert busiest(striped.mT, size=(8, 8)) == (0, 9)
    with pytest.raises(PixmendError, match="window of 9 x 9 does not fit into a picture of 60 x 8"):
        busiest(torch.zeros(3, 8, 60), size=(9, 9))


@pytest.mark.parametrize(
    "ask",
    [
        lambda network: analyze.local_attribution(network, torch.rand(3, 8, 8), top=0, left=0, size=2),
        lambda network: analyze.similarity(network, torch.rand(8, 3, 8, 8)),
        lambda network: analyze.receptive_field(network, torch.rand(3, 8, 8)),
        lambda network: analyze.attention_distance(network, torch.rand(1, 3, 8, 8)),
        lambda network: analyze.features_of(network, torch.rand(3, 8, 8)),
        lambda network: analyze.fidelity_of([network], torch.rand(3, 8, 8)),
        points_of,
    ],
)
def test_a_network_of_several_tasks_is_asked_for_one_of_them(ask):
    network = build(EDTConfig(tasks=("sr_x2", "dn_g25"), features=2, dim=8, depths=(2,), num_heads=2, window=(2, 4)))
    with pytest.raises(PixmendError, match=r"network\.select\(NAME\), of sr_x2, dn_g25"):
        ask(network)
