from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import pixmend as pm
import seeded
import small
from pixmend.models.base import DIV2K
from pixmend.models.ipt import IPT, TASKS, VARIANTS, IPTConfig
from pixmend.weights.families.ipt import config_of, from_official, layout_of, select_tasks, to_official

TINY = IPTConfig(tasks=TASKS, features=4, patch=6, num_heads=3, num_layers=2, mlp_ratio=2, size=30)


def meta(file: str) -> dict[str, Tensor]:
    return {name: torch.empty(shape, device="meta") for name, shape in seeded.shapes(file).items()}


def official(config: IPTConfig, *, kept: tuple[int, ...] = ()) -> dict[str, Tensor]:
    """The official tensors of a network, of only some of its heads and tails."""
    gone = tuple(f"{part}.{number}." for part in ("head", "tail") for number in range(6) if number not in kept)
    return {name: t for name, t in to_official(IPT(config)).items() if not kept or not name.startswith(gone)}


def parameters(config: IPTConfig) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in IPT(config).parameters())


@pytest.mark.slow  # the 115 million seeded parameters take longer than the network
def test_outputs_agree_with_the_official_network_and_need_the_query():
    weights = seeded.weights("ipt/IPT_sr2")
    with torch.device("meta"):
        network = IPT(config_of(weights))
    network.load_state_dict(from_official(weights), assign=True)
    [(x, _, golden)] = seeded.vectors("ipt/IPT_sr2")
    with torch.inference_mode():
        assert seeded.error(network(x), golden) < seeded.TOLERANCE
        network.body.query_embed.weight.zero_()
        assert seeded.error(network(x), golden) > 5 * seeded.TOLERANCE


def attention(tensors: dict[str, Tensor], name: str, num_heads: int) -> nn.MultiheadAttention:
    weight = tensors[f"{name}.out_proj.weight"]
    module = nn.MultiheadAttention(len(weight), num_heads, bias=False, dtype=weight.dtype)
    parts = ("in_proj_weight", "out_proj.weight")
    module.load_state_dict({part: tensors[f"{name}.{part}"] for part in parts})
    return module


def plainly(network: IPT, x: Tensor, number: int) -> Tensor:
    """What the paper composes, for one head, of torch's own modules and the official tensors; tokens come first."""
    config = network.config
    tensors = {name: tensor.double() for name, tensor in to_official(network).items()}

    def convolve(x: Tensor, name: str) -> Tensor:
        weight = tensors[f"{name}.weight"]
        return F.conv2d(x, weight, tensors[f"{name}.bias"], padding=weight.shape[-1] // 2)

    def linear(x: Tensor, name: str) -> Tensor:
        return F.linear(x, tensors[f"body.{name}.weight"], tensors[f"body.{name}.bias"])

    def norm(x: Tensor, name: str) -> Tensor:
        return F.layer_norm(x, (config.dim,), tensors[f"body.{name}.weight"], tensors[f"body.{name}.bias"])

    def attend(q: Tensor, k: Tensor, v: Tensor, name: str) -> Tensor:
        return attention(tensors, f"body.{name}", config.num_heads)(q, k, v)[0]

    x = F.conv2d(255 * x, tensors["sub_mean.weight"], tensors["sub_mean.bias"])
    x = convolve(x, f"head.{number}.0")
    for block in (1, 2):
        inner = convolve(x, f"head.{number}.{block}.body.0").relu()
        x = x + convolve(inner, f"head.{number}.{block}.body.2")
    features = x

    x = F.unfold(features, config.patch, stride=config.patch).permute(2, 0, 1)
    x = x + linear(x, "linear_encoding") + tensors["body.position_encoding.pe.weight"][:, None]
    query = tensors["body.query_embed.weight"][number].view(-1, 1, config.dim)
    for index in range(config.num_layers):
        name = f"encoder.layers.{index}"
        normed = norm(x, f"{name}.norm1")
        x = x + attend(normed, normed, normed, f"{name}.self_attn")
        x = x + linear(linear(norm(x, f"{name}.norm2"), f"{name}.linear1").relu(), f"{name}.linear2")
    memory = x
    for index in range(config.num_layers):
        name = f"decoder.layers.{index}"
        normed = norm(x, f"{name}.norm1")
        x = x + attend(normed + query, normed + query, normed, f"{name}.self_attn")
        x = x + attend(norm(x, f"{name}.norm2") + query, memory, memory, f"{name}.multihead_attn")
        x = x + linear(linear(norm(x, f"{name}.norm3"), f"{name}.linear1").relu(), f"{name}.linear2")
    x = x + linear(linear(x, "mlp_head.0").relu(), "mlp_head.3")
    x = features + F.fold(x.permute(1, 2, 0), config.size, config.patch, stride=config.patch)

    for part, step in {0: ((0, 2),), 1: ((0, 3),), 2: ((0, 2), (2, 2))}.get(number, ()):
        x = F.pixel_shuffle(convolve(x, f"tail.{number}.0.{part}"), step)
    x = convolve(x, f"tail.{number}.1")
    return F.conv2d(x, tensors["add_mean.weight"], tensors["add_mean.bias"]) / 255


@pytest.mark.parametrize("task", TASKS)
def test_outputs_agree_with_a_plain_composition_of_torch_modules(task):
    torch.manual_seed(0)
    network = IPT(TINY).double().eval()
    x = torch.rand(2, 3, 30, 30, dtype=torch.float64)
    with torch.inference_mode():
        expected = plainly(
            network, x, TASKS.index(task)
        )  # with the mean in single precision, as official files have it
        torch.testing.assert_close(network(x, task=task), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "tasks", "millions"),
    [
        ("ipt", TASKS, 118.89),
        ("ipt", ("sr_x2",), 115.46),
        ("ipt", ("sr_x3",), 115.65),
        ("ipt", ("sr_x4",), 115.61),
        ("ipt", ("dn_g50",), 115.31),
        ("ipt_4", TASKS, 44.48),
    ],
)
def test_parameter_counts_are_those_of_the_published_sizes(name, tasks, millions):
    assert round(parameters(replace(VARIANTS[name], tasks=tasks)) / 1e6, 2) == millions


def test_official_names_and_back_lose_nothing():
    small.there_and_back(TINY)


@pytest.mark.parametrize("name", ["sub_mean.bias", "add_mean.weight", "body.position_encoding.position_ids"])
def test_a_wrong_constant_is_refused(name):
    tensors = official(TINY)
    with pytest.raises(pm.PixmendError, match=f"{name}: is not the constant"):
        from_official(tensors | {name: tensors[name] + 1})


def test_attention_biases_of_zero_are_left_out_and_others_refused():
    tensors, name = official(TINY), "body.decoder.layers.1.multihead_attn.out_proj.bias"
    assert name not in from_official(tensors | {name: torch.zeros(TINY.dim)})
    with pytest.raises(pm.PixmendError, match=f"{name}: is not zero"):
        from_official(tensors | {name: torch.full((TINY.dim,), 1e-6)})


def test_an_unknown_tensor_stays_to_be_refused_by_name():
    tensors = official(TINY) | {"head.0.3.weight": torch.zeros(1), "body.norm.weight": torch.zeros(1)}
    assert {"heads.sr_x2.3.weight", "body.norm.weight"} <= from_official(tensors).keys()


def test_a_file_with_some_heads_of_the_six_keeps_their_tasks_and_queries():
    tensors = official(TINY, kept=(1, 4))
    found = from_official(tensors)
    assert {name.split(".")[1] for name in found if name.startswith("heads.")} == {"sr_x3", "dn_g50"}
    assert torch.equal(found["body.query_embed.weight"], tensors["body.query_embed.weight"][[1, 4]])


def test_a_file_with_a_query_for_each_of_its_heads_gives_them_in_order():
    tensors = official(TINY, kept=(1, 4))
    tensors["body.query_embed.weight"] = tensors["body.query_embed.weight"][[1, 4]]
    found = from_official(tensors)
    assert {name.split(".")[1] for name in found if name.startswith("heads.")} == {"sr_x3", "x1"}
    assert found["body.query_embed.weight"] is tensors["body.query_embed.weight"]


@pytest.mark.parametrize(
    ("tasks", "read"),
    [
        (("dn_g30",), ("x1",)),
        (("dn_g30", "sr_x2", "dr"), ("x1_0", "sr_x2", "x1_1")),
        (TASKS, TASKS),
    ],
)
def test_a_head_that_keeps_the_size_is_named_by_the_caller_alone(tasks, read):
    with torch.device("meta"):
        tensors = to_official(IPT(replace(VARIANTS["ipt_4"], tasks=tasks)))
        expected = IPT(config_of(tensors, tasks=tasks)).state_dict().keys()
    assert config_of(tensors) == replace(VARIANTS["ipt_4"], tasks=read)
    assert config_of(tensors, tasks=tasks) == replace(VARIANTS["ipt_4"], tasks=tasks)
    assert from_official(tensors, tasks=tasks).keys() == expected


@pytest.mark.parametrize("tasks", [("sr_x2",), ("x1", "sr_x3"), ("sr_x2", "dr", "dr"), ("sr_x2", "blur")])
def test_names_that_do_not_fit_the_scales_are_refused(tasks):
    tensors = official(replace(TINY, tasks=("sr_x2", "dr")))
    with pytest.raises(pm.PixmendError, match=r"its heads have scales \[2, 1\]|IPT has tasks like"):
        from_official(tensors, tasks=tasks)


def test_some_of_the_tasks_give_the_same_pictures_alone():
    network = IPT(TINY).eval()
    config, tensors = select_tasks(TINY, network.state_dict(), ("dr", "sr_x3"))
    smaller = IPT(config)
    smaller.load_state_dict(tensors, assign=True)
    x = torch.rand(1, 3, 30, 30)
    with torch.inference_mode():
        for task in ("dr", "sr_x3"):
            assert torch.equal(smaller.eval()(x, task=task), network(x, task=task))
    with pytest.raises(pm.PixmendError, match="no task 'sr_x8': this network has sr_x2, sr_x3"):
        select_tasks(TINY, tensors, ("sr_x8",))


def without(prefix: str | tuple[str, ...]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in meta("ipt/IPT_pretrain").items() if not name.startswith(prefix)}


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (without("body.query_embed."), "an IPT without body.query_embed.weight"),
        (without("body.position_encoding."), "body.position_encoding.pe.weight: expected a tensor of 2 dimensions"),
        (without("tail.3."), r"needs a tail for each head: it has heads \[0, 1, 2, 3, 4, 5\] and tails \[0, 1, 2, 4"),
        (without(("head.", "tail.")), r"it has heads \[\]"),
        (meta("ipt/IPT_sr2") | {"tail.0.0.0.weight": torch.empty(1600, 64, 3, 3)}, r"enlarges in steps of \(5,\)"),
        (meta("ipt/IPT_sr2") | {"body.linear_encoding.weight": torch.empty(64, 64)}, "an IPT of width 64"),
        (meta("ipt/IPT_sr2") | {"head.0.0.weight": torch.empty(0, 3, 3, 3)}, "IPT: features"),
    ],
)
def test_a_file_that_was_never_released_is_refused(tensors, message):
    with pytest.raises(pm.PixmendError, match=message):
        config_of(tensors)


def test_queries_that_do_not_match_the_heads_are_refused():
    tensors = official(TINY, kept=(1, 4))
    tensors["body.query_embed.weight"] = tensors["body.query_embed.weight"][:3]
    with pytest.raises(pm.PixmendError, match="3 rows are not for heads 1, 4"):
        from_official(tensors)


@pytest.mark.parametrize(
    "names",
    [
        ("head.0.weight", "body.0.body.0.weight", "tail.0.0.weight"),
        ("body.patch_embed.norm.weight", "head_sr_x2.0.weight"),
        ("conv_first.weight", "layers.0.residual_group.blocks.0.attn.qkv.weight"),
        ("transformer.encoder.layers.0.self_attn.in_proj_weight", "query_embed.weight"),
        ("encoder_level1.0.norm1.body.weight",),
        tuple(IPT(TINY).state_dict()),
        (),
    ],
)
def test_other_files_are_not_taken_for_ipt(names):
    assert layout_of(names) is None


@pytest.mark.parametrize(
    "change",
    [
        {"tasks": ()},
        {"tasks": ("sr_x2", "sr_x2")},
        {"tasks": ("sr_x5",)},
        {"tasks": ("keys",)},
        {"tasks": ("dr.body",)},
        {"features": 0},
        {"features": 10**6},
        {"patch": 5},
        {"patch": 64, "size": 64},
        {"num_heads": 7},
        {"num_layers": 10**6},
        {"mlp_ratio": -1},
        {"size": 31},
        {"size": "48"},
    ],
)
def test_an_absurd_configuration_is_refused(change):
    with pytest.raises(pm.PixmendError, match="IPT"):
        replace(TINY, **change)


@pytest.mark.parametrize(("task", "scale"), [("sr_x8", 8), ("sr_real_x4", 4), ("dn_blind", 1), ("jpeg_q10", 1)])
def test_a_task_that_was_never_pretrained_may_be_asked_for(task, scale):
    branch = IPT(replace(TINY, tasks=(task,))).eval().select()
    with torch.inference_mode():
        assert branch(torch.rand(1, 3, 33, 5)).shape == (1, 3, 33 * scale, 5 * scale)


def test_the_tokens_of_the_contrastive_loss_come_with_the_same_picture():
    branch = IPT(TINY).eval().select("sr_x2")
    x = torch.rand(2, 3, 30, 30)
    with torch.inference_mode():
        picture, tokens = branch.with_tokens(x)
        torch.testing.assert_close(picture, branch(x))
        assert torch.equal(tokens, branch.encode((x - torch.tensor(DIV2K).view(3, 1, 1)) * 255)[0])
    assert tokens.shape == (2, 25, 144)


def test_the_picture_alone_trains_the_transformer():
    network = IPT(TINY)
    network(torch.rand(1, 3, 30, 30), task="dr").square().mean().backward()
    asleep = [name for name, p in network.body.named_parameters() if p.grad is None or not p.grad.any()]
    assert asleep == []
    assert network.body.query_embed.weight.grad[TASKS.index("dr")].any()
    assert not network.body.query_embed.weight.grad[TASKS.index("sr_x2")].any()
