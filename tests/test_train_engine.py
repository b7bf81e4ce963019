"""How a step is carried out changes its memory and its time, never what it computes."""

from dataclasses import replace

import pytest
import torch

import pixmend as pm
from pixmend.models.base import blocks_of
from pixmend.models.edsr import EDSRConfig
from pixmend.models.edt import EDTConfig
from pixmend.models.ipt import IPTConfig
from pixmend.train import Contrastive, Engine, Everything, Last, LowRank, fit
from pixmend.train.engine import engage, parts_of
from pixmend.train.trained import plain_weights, restrict
from processes import assert_alike, in_processes, run_of, weights

SMALL = EDSRConfig(features=8, blocks=2, res_scale=1.0)
EDT = EDTConfig(tasks=("sr_x2", "dn_g25"), features=4, dim=8, depths=(2,), num_heads=2, drop_path=0.0)
FAMILIES = ["edt_p", "ipt_4", "hat_s", "swinir_light", "restormer", "edsr_baseline", "rcan", "rdn", "han", "rrdbnet"]
FAMILIES += ["rcdnet"]


@pytest.mark.parametrize(
    ("engine", "model"), [(Engine(accumulate=4), SMALL), (Engine(accumulate=3, checkpoint=True), EDT)]
)
def test_parts_and_recomputed_blocks_train_as_the_whole_batch(engine, model, pictures, tmp_path):
    run = run_of(pictures, model)
    fit(run, tmp_path / "whole")
    fit(replace(run, engine=engine), tmp_path / "other")
    assert_alike(tmp_path / "whole", tmp_path / "other")


def test_recomputing_drops_the_paths_that_were_dropped(pictures, tmp_path):
    run = run_of(pictures, replace(EDT, drop_path=0.5))
    fit(run, tmp_path / "kept")
    fit(replace(run, engine=Engine(checkpoint=True)), tmp_path / "recomputed")
    assert_alike(tmp_path / "kept", tmp_path / "recomputed")


@pytest.mark.slow
def test_compiled_blocks_train_as_others(pictures, tmp_path):
    run = run_of(pictures, SMALL)
    fit(run, tmp_path / "eager")
    fit(replace(run, engine=Engine(compile=True)), tmp_path / "compiled")
    assert_alike(tmp_path / "eager", tmp_path / "compiled")


@pytest.mark.slow
@pytest.mark.parametrize("model", [SMALL, EDT], ids=["edsr", "edt"])
def test_two_processes_with_half_of_everything_train_as_one_with_all(model, pictures, tmp_path):
    run = run_of(pictures, model)
    fit(run, tmp_path / "one")
    sharded = replace(run, engine=Engine(shard=True, accumulate=2, checkpoint=True))
    in_processes(replace(sharded, steps=2), tmp_path / "two", count=2)
    in_processes(sharded, tmp_path / "two", count=2, resume=True)
    assert_alike(tmp_path / "one", tmp_path / "two")


@pytest.mark.slow
def test_one_process_goes_on_with_what_two_had_halves_of_and_two_with_what_one_had(pictures, tmp_path):
    run = run_of(pictures, SMALL)
    fit(run, tmp_path / "one")
    sharded = replace(run, engine=Engine(shard=True))
    in_processes(replace(sharded, steps=2), tmp_path / "two", count=2)
    fit(run, tmp_path / "two", resume=True)
    assert_alike(tmp_path / "one", tmp_path / "two")
    fit(replace(run, steps=2), tmp_path / "grown")
    in_processes(sharded, tmp_path / "grown", count=2, resume=True)
    assert_alike(tmp_path / "one", tmp_path / "grown")


def test_there_is_nothing_to_spread_over_one_process(pictures, tmp_path):
    with pytest.raises(pm.PixmendError, match="engine.shard: there is one process"):
        fit(replace(run_of(pictures, SMALL), engine=Engine(shard=True)), tmp_path / "run")


def test_a_contrastive_loss_takes_its_batch_whole(pictures):
    model = IPTConfig(tasks=("sr_x2",), size=12, features=4, num_layers=1, num_heads=2)
    with pytest.raises(pm.PixmendError, match="engine.accumulate: expected 1 with a contrastive loss"):
        replace(run_of(pictures, model), objective=Contrastive(), engine=Engine(accumulate=2))


def test_parts_hold_every_sample_once_and_their_shares_sum_to_one():
    pair = pm.data.Pair(torch.arange(7.0), torch.arange(7.0))
    parts = list(parts_of({"sr_x2": pair}, 3))
    assert torch.cat([part["sr_x2"].low for part, _ in parts]).tolist() == list(range(7))
    assert sum(share for _, share in parts) == pytest.approx(1)
    assert len(list(parts_of({"sr_x2": pair}, 100))) == 7


@pytest.mark.parametrize("name", FAMILIES)
def test_the_blocks_of_a_network_are_most_of_it(name):
    with torch.device("meta"):
        network = pm.create(name)
    count = sum(parameter.numel() for block in blocks_of(network) for parameter in block.parameters())
    assert count > 0.6 * sum(parameter.numel() for parameter in network.parameters())
    assert len(blocks_of(network)) > 3


@pytest.mark.parametrize("name", ["edt_p", "swinir_light", "edsr_baseline"])
def test_a_change_of_low_rank_begins_as_none_and_ends_in_the_weights(name):
    network = pm.create(name)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    restrict(network, LowRank(rank=2))
    assert all(torch.equal(tensor, before[name]) for name, tensor in plain_weights(network).items())
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    assert 0 < sum(parameter.numel() for parameter in trained) < 0.3 * sum(each.numel() for each in before.values())
    for parameter in trained:
        torch.nn.init.normal_(parameter, std=0.1)
    after, plain = plain_weights(network), pm.create(name)
    plain.load_state_dict(after)
    x, task = torch.rand(1, 3, 24, 24), network.tasks[0] if network.tasks else None
    network.eval(), plain.eval()
    torch.testing.assert_close(plain.select(task)(x), network.select(task)(x))
    change = [torch.linalg.matrix_rank((after[n] - before[n]).flatten(1)) for n in after if after[n].dim() in (2, 4)]
    assert max(change) == 2


def test_a_frozen_trunk_stays_and_keeps_no_activations(pictures, tmp_path):
    run = replace(run_of(pictures, replace(SMALL, blocks=4)), ema=0.0)
    start = fit(replace(run, steps=1), tmp_path / "start")
    tail = replace(run, start=str(start), trained=Last(blocks=1))
    fit(replace(tail, steps=2), tmp_path / "tail")
    fit(tail, tmp_path / "tail", resume=True)
    before, after = weights(tmp_path / "start"), weights(tmp_path / "tail")
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {name for name in before if name.startswith(("body.3", "conv_after", "upsample", "conv_last"))}
    network = pm.create("edsr_baseline")
    restrict(network, Last(blocks=2))
    kept: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.numel()) or tensor, lambda t: t):
        network(torch.rand(1, 3, 24, 24)).sum()
    few, kept[:] = sum(kept), []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.numel()) or tensor, lambda t: t):
        restrict(network.requires_grad_(True), Everything())
        network(torch.rand(1, 3, 24, 24)).sum()
    assert few < 0.5 * sum(kept)


@pytest.mark.parametrize("trained", [LowRank(rank=2), Last(blocks=1)])
def test_a_part_of_the_network_is_resumed_bit_for_bit(trained, pictures, tmp_path):
    run = replace(run_of(pictures, SMALL), trained=trained)
    fit(run, tmp_path / "whole")
    fit(replace(run, steps=2), tmp_path / "parts")
    fit(run, tmp_path / "parts", resume=True)
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert all(torch.equal(tensor, parts[name]) for name, tensor in whole.items())
    assert pm.load(tmp_path / "whole" / "weights.safetensors").tasks == ("sr_x2",)


def test_more_last_blocks_than_there_are_is_an_error():
    with pytest.raises(pm.PixmendError, match="trained.blocks: EDSR has 16, got 17"):
        restrict(pm.create("edsr_baseline"), Last(blocks=17))


def test_a_recomputed_block_keeps_fewer_activations():
    network = pm.create("edsr_baseline")
    run = pm.recipes.find("edsr_baseline.sr_x2")
    kept: list[int] = []

    def count() -> int:
        kept.clear()
        with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.numel()) or t, lambda t: t):
            network(torch.rand(1, 3, 24, 24)).sum()
        return sum(kept)

    before = count()
    engage(replace(run, engine=Engine(checkpoint=True)), network)
    assert count() < 0.7 * before
