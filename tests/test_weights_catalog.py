import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from pixmend.errors import PixmendError
from pixmend.weights.catalog import CATALOG, Released, Score, by_sha256, catalog, find, select

DATA = Path(__file__).with_name("data")
VARIANTS = {
    "edsr": {"edsr_baseline", "edsr"},
    "edt": {"edt_t", "edt_s", "edt_b", "edt_b_sf", "edt_l"},
    "han": {"han"},
    "hat": {"hat_s", "hat", "hat_l"},
    "ipt": {"ipt"},
    "rcan": {"rcan"},
    "rcdnet": {"rcdnet"},
    "rdn": {"rdn"},
    "restormer": {"restormer", "restormer_biasfree", "restormer_grey", "restormer_dual"},
    "rrdbnet": {"rrdbnet", "rrdbnet_6b"},
    "swinir": {
        *("swinir", "swinir_light", "swinir_real", "swinir_real_l"),
        *("swinir_dn", "swinir_dn_grey", "swinir_jpeg", "swinir_jpeg_grey"),
    },
}
TASK = re.compile(
    r"sr(_real)?_x[2348]|dn_g(15|25|30|50)|dn_blind|dn_real|dr(_[LH])?|deblur|defocus(_dual)?|jpeg_q[1-4]0"
)
COUNTS = {
    "edsr": 12,
    "edt": 60,
    "han": 5,
    "hat": 14,
    "ipt": 7,
    "rcan": 5,
    "rcdnet": 4,
    "rdn": 5,
    "restormer": 13,
    "rrdbnet": 13,
    "swinir": 31,
}


def test_every_family_has_all_its_files_in_order():
    families = [entry.family for entry in catalog()]
    assert Counter(families) == COUNTS
    assert families == sorted(families)


def test_names_files_and_hashes_are_unique():
    for values in (
        [entry.name for entry in catalog()],
        [name.lower() for entry in catalog() for name in (entry.file, *entry.aliases)],
        [entry.sha256 for entry in catalog() if entry.sha256],
        [url for entry in catalog() for url in entry.urls],
    ):
        assert [value for value, times in Counter(values).items() if times > 1] == []


def test_no_group_and_no_table_is_written_in_vain():
    listing = tomllib.loads(CATALOG.read_text(encoding="utf-8"))
    assert {entry["group"] for entry in listing["weights"]} == set(listing["groups"])
    assert {table for entry in listing["weights"] for table in entry.get("scores", {})} == set(listing["tables"])


def test_a_name_is_a_known_variant_and_a_task():
    for entry in catalog():
        assert entry.variant in VARIANTS[entry.family], entry.name
        assert re.fullmatch(r"[a-z0-9_]+\.[A-Za-z0-9_]+", entry.name), entry.name
        assert entry.tasks and len(set(entry.tasks)) == len(entry.tasks), entry.name
        assert all(TASK.fullmatch(task) for task in entry.tasks), entry.name
        if len(entry.tasks) == 1:
            said = entry.name.partition(".")[2]
            assert said.startswith(entry.tasks[0]), entry.name


def test_enlarging_files_have_the_scale_in_their_name():
    for entry in catalog():
        for task in entry.tasks:
            scale = re.fullmatch(r"sr(?:_real)?_x(\d)", task)
            if scale and entry.name != "ipt.pretrain":
                assert f"x{scale[1]}" in entry.name, entry.name
                unsaid = entry.file in ("BSRGAN.pth", "BSRNet.pth")
                assert unsaid or re.search(rf"(?i)(x|sr){scale[1]}", entry.file), entry.name


def test_a_file_can_be_found_by_a_person_or_a_program():
    for entry in catalog():
        assert entry.urls or entry.where, entry.name
        assert all(re.fullmatch(r"https://[^\s{}]+", url) for url in (entry.project, *entry.urls)), entry.name
        assert re.fullmatch(r"arXiv:\d{4}\.\d{5}", entry.paper), entry.name
        assert re.fullmatch(r"[\w.-]+\.(pth|pt|t7)", entry.file), entry.name
        copies = entry.urls if entry.where else entry.urls[1:]
        assert not copies or entry.sha256, "a copy without a hash cannot be told from anything else"


def test_hashes_and_sizes_have_the_right_form():
    for entry in catalog():
        assert entry.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", entry.sha256), entry.name
        assert entry.bytes is None or 1_000_000 < entry.bytes < 1_000_000_000, entry.name
        told = re.search(r"-([0-9a-f]{8})\.\w+$", entry.file)
        if told and entry.sha256:
            assert entry.sha256.startswith(told[1]), entry.name


def test_licences_are_said_and_only_known_ones_are_commercial():
    for entry in catalog():
        assert entry.code_licence and entry.weights_licence and entry.data_terms and entry.trained_on, entry.name
        terms = (entry.code_licence, entry.weights_licence)
        free = all(
            text.startswith(("Apache-2.0", "MIT", "BSD-3-Clause")) and "non-commercial" not in text for text in terms
        )
        assert entry.commercial == free, entry.name


def test_scores_are_plausible_and_say_how_they_were_measured():
    for entry in catalog():
        for score in entry.scores:
            assert isinstance(score, Score), entry.name
            assert 20 < score.psnr < 45, entry.name
            assert score.ssim is None or 0.7 < score.ssim < 1, entry.name
            assert score.protocol.startswith("PSNR") and score.source, entry.name
            assert ("SSIM" in score.protocol) or score.ssim is None, entry.name
        assert len({(score.on, score.protocol) for score in entry.scores}) == len(entry.scores), entry.name


def test_every_file_with_golden_vectors_is_in_the_catalog():
    listings = [path for family in VARIANTS for path in (DATA / family).glob("*.json.gz")]
    assert listings
    for path in listings:
        entry = find(path.name.removesuffix(".json.gz"))
        assert entry is not None, path.name
        assert entry.family == path.parent.name


@pytest.mark.parametrize(
    "name",
    [
        "hat.sr_x4_imagenet",
        "HAT_SRx4_ImageNet-pretrain.pth",
        "HAT_SRx4_ImageNet-pretrain",
        "hat_srx4_imagenet-pretrain.safetensors",
    ],
)
def test_a_file_is_found_by_any_of_its_names(name):
    entry = find(name)
    assert isinstance(entry, Released)
    assert entry.file == "HAT_SRx4_ImageNet-pretrain.pth"
    assert entry.sha256 is not None
    assert by_sha256(entry.sha256.upper()) is entry


def test_the_hash_in_a_name_may_be_left_out():
    assert find("edsr_baseline_x2") is find("edsr_baseline_x2-1bc95232.pt") is not None
    assert find("Real_HAT_GAN_sharper.pth") is find("Real_HAT_GAN_SRx4_sharper") is not None


def test_no_two_files_answer_to_one_name():
    for entry in catalog():
        assert all(find(name) is entry for name in (entry.name, entry.file, *entry.aliases)), entry.name


def test_strangers_are_not_found():
    assert find("4x-UltraSharp.pth") is None
    assert find("") is None
    assert by_sha256("0" * 64) is None


def test_a_group_is_inherited_and_addresses_are_complete():
    entry = find("swinir.sr_x2_df2k")
    assert entry is not None
    assert entry.urls == (
        "https://github.com/JingyunLiang/SwinIR/releases/download/v0.0/001_classicalSR_DF2K_s64w8_SwinIR-M_x2.pth",
    )
    assert (entry.family, entry.variant, entry.tasks, entry.commercial) == ("swinir", "swinir", ("sr_x2",), True)
    assert (entry.scores[0].on, entry.scores[0].psnr, entry.scores[0].ssim) == ("Set5", 38.42, 0.9623)


def test_files_are_selected_by_what_they_do_and_what_they_allow():
    heavy_rain = select(task="dr_H")
    assert {entry.family for entry in heavy_rain} == {"edt", "rcdnet"}
    assert select(family="restormer", commercial_only=True) == ()
    assert {entry.variant for entry in select(task="sr_x4", family="hat")} == {"hat_s", "hat", "hat_l"}
    assert select() == catalog()


def test_unknown_tasks_and_families_are_refused_with_a_hint():
    with pytest.raises(PixmendError, match=r"no released file does 'sr_x5': did you mean sr_x"):
        select(task="sr_x5")
    with pytest.raises(PixmendError, match=r"no family is called 'swinr': did you mean swinir\?"):
        select(family="swinr")
