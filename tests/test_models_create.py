"""Networks by the names of their sizes."""

import dataclasses
from dataclasses import replace

import pytest
import torch

import pixmend as pm
from pixmend.models import NETWORKS, VARIANTS, build, create, family_of, variant_of


@pytest.mark.parametrize("name", VARIANTS)
def test_every_size_has_a_network_that_is_of_this_size(name):
    with torch.device("meta"):
        network = create(name)
    assert network.config == VARIANTS[name]
    assert VARIANTS[name] == VARIANTS[variant_of(network.config) or ""]


def test_every_family_has_a_size():
    assert {type(config) for config in VARIANTS.values()} == set(NETWORKS)
    assert sorted({family_of(config) for config in VARIANTS.values()}) == sorted(map(family_of, NETWORKS))


def test_create_is_public_and_ready_to_train():
    network = pm.create("edt_p", tasks=("sr_x2", "dn_g25"))
    assert network.tasks == ("sr_x2", "dn_g25")
    assert network.training and all(parameter.requires_grad for parameter in network.parameters())


def test_networks_start_from_different_weights_unless_seeded():
    first, second = (pm.create("edsr_baseline").state_dict()["conv_first.weight"] for _ in range(2))
    assert not torch.equal(first, second)
    seeded = []
    for _ in range(2):
        torch.manual_seed(0)
        seeded.append(pm.create("edsr_baseline").state_dict()["conv_first.weight"])
    assert torch.equal(*seeded)


@pytest.mark.parametrize(
    ("name", "options", "tasks"),
    [
        ("hat_s", {"scale": 3}, ("sr_x3",)),
        ("hat_s", {"scale": 4, "task": "sr_real_x4"}, ("sr_real_x4",)),
        ("rcan", {"scale": 8}, ("sr_x8",)),
        ("restormer", {"task": "deblur"}, ("deblur",)),
        ("restormer_dual", {}, ("defocus_dual",)),
        ("rcdnet", {"task": "dr_H"}, ("dr_H",)),
        ("ipt", {"tasks": ("sr_x4", "dr")}, ("sr_x4", "dr")),
        ("edt_t", {"tasks": ["dn_g15"]}, ("dn_g15",)),
    ],
)
def test_a_size_is_made_for_a_purpose(name, options, tasks):
    with torch.device("meta"):
        assert create(name, **options).tasks == tasks


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("hat_xl", {}, "no network is called 'hat_xl': did you mean hat"),
        ("default", {}, "no network is called 'default'"),
        ("edt_t", {"tasks": "sr_x2"}, "tasks is a tuple of names, got the text 'sr_x2'"),
        ("edt_t", {"scale": 2}, "edt_t takes no scale, but tasks"),
        ("rcan", {"tasks": ("sr_x2",)}, "rcan takes no tasks, but scale"),
        ("restormer", {"scale": 2}, "restormer takes no scale, but task"),
        ("hat_s", {"tasks": ("sr_x2",)}, "hat_s takes no tasks, but scale or task"),
        ("hat_s", {"scale": 5}, "HAT enlarges 2, 3, 4 or 8 times, not 5"),
        ("edt_t", {"tasks": ()}, "EDT"),
        ("edt_t", {"tasks": ("sr_x2", "sr_x2")}, "EDT"),
    ],
)
def test_what_a_size_cannot_be_is_refused_in_one_line(name, options, message):
    with torch.device("meta"), pytest.raises(pm.PixmendError, match=message) as error:
        create(name, **options)
    assert "\n" not in str(error.value)


def test_the_purpose_does_not_change_the_name_of_a_size():
    assert variant_of(replace(VARIANTS["hat_s"], scale=4, drop_path=0.0)) == "hat_s"
    assert variant_of(replace(VARIANTS["edt_b"], tasks=("dr_L", "dr_H"))) == "edt_b"
    assert variant_of(replace(VARIANTS["restormer"], task="deblur")) == "restormer"


def test_a_size_that_no_paper_names_has_no_name():
    assert variant_of(replace(VARIANTS["hat_s"], depths=(2,))) is None


@pytest.mark.parametrize("name", ["edt_t", "hat_s", "swinir_dn_grey", "rcdnet"])
def test_building_on_the_meta_device_takes_no_memory(name):
    with torch.device("meta"):
        network = build(VARIANTS[name])
    assert all(tensor.is_meta for tensor in network.state_dict().values())


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("hat_s", {"task": "sr_x4"}, "sr_x4 enlarges 4 times, and the network 2"),
        ("rrdbnet", {"task": "sr_x2"}, "sr_x2 enlarges 2 times, and the network 4"),
        ("swinir_dn", {"task": "evil/\x1b[31m"}, "task: expected a name"),
        ("swinir_light", {"scale": 2.0}, "cannot have scale 2.0"),
        ("hat", {"depths": (64,) * 64}, "depths: expected 256 in all at most"),
        ("rcdnet", {"stages": 64, "blocks": 64}, "residual_blocks: expected whole numbers"),
        ("rcan", {"groups": 64, "blocks": 64}, "blocks_in_all: expected whole numbers"),
        ("edt_t", {"tasks": (5,)}, "EDT has tasks like"),
        ("ipt", {"tasks": (5,)}, "IPT has tasks like"),
    ],
)
def test_what_no_network_of_a_family_can_be_is_refused_before_it_is_built(name, changes, message):
    with pytest.raises(pm.PixmendError) as error:
        dataclasses.replace(pm.models.VARIANTS[name], **changes)
    assert message in str(error.value)
