"""Several processes: the same training as one, sample by sample."""

from dataclasses import replace

import pytest

from pixmend.models.edsr import EDSRConfig
from pixmend.models.edt import EDTConfig
from pixmend.train import fit
from processes import assert_alike, in_processes, run_of


def test_two_processes_train_as_one_does_and_one_goes_on_where_two_stopped(pictures, tmp_path):
    run = run_of(pictures, EDSRConfig(features=8, blocks=2, res_scale=1.0))
    fit(run, tmp_path / "one")
    in_processes(replace(run, steps=2), tmp_path / "two", count=2)
    fit(run, tmp_path / "two", resume=True)
    assert_alike(tmp_path / "one", tmp_path / "two")


@pytest.mark.slow
def test_two_processes_with_one_task_a_step_train_as_one_does(pictures, tmp_path):
    model = EDTConfig(tasks=("sr_x2", "dn_g25"), features=4, dim=8, depths=(2,), num_heads=2, drop_path=0.0)
    run = run_of(pictures, model, every_task=False)
    fit(run, tmp_path / "one")
    in_processes(run, tmp_path / "two", count=2)
    assert_alike(tmp_path / "one", tmp_path / "two")
