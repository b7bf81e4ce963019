"""The names of all recipes."""

from collections.abc import Callable
from functools import partial

from pixmend.errors import PixmendError, nearest
from pixmend.recipes import cnn, default, edt, hat, ipt, restormer, swinir
from pixmend.train import Run

Recipe = Callable[[], Run]


def find(name: str) -> Run:
    """The run of a recipe.

    Raises:
        PixmendError: no such recipe.
    """
    if name not in RECIPES:
        raise PixmendError(f"no recipe is called {name!r}: {_nearest(name)}")
    return RECIPES[name]()


def _nearest(name: str) -> str:
    """The nearest name; of a family's alone the first of its recipes, since all are too many for a line."""
    family = [known for known in RECIPES if known.startswith(f"{name.lower()}.")]
    if not family:
        hint = nearest(name.lower(), RECIPES)
        return hint if hint.startswith("did you mean") else "pixmend train --list shows what there is"
    return f"there is {', '.join(family[:4])} and so on: pixmend train --list"


def _ipt() -> dict[str, Recipe]:
    tasks = (*ipt.TASKS, "dn_g10", "dn_g70")
    return {
        "ipt.pretrain": ipt.pretrain,
        "ipt.pretrain_supervised": ipt.pretrain_supervised,
        "ipt.pretrain_plain": ipt.pretrain_plain,
        **{f"ipt.{task}": partial(ipt.fine_tune, task) for task in tasks},
    }


def _edt() -> dict[str, Recipe]:
    every = (*edt.RELATED["sr"], *edt.RELATED["dn"])
    recipes: dict[str, Recipe] = {f"edt.{task}": partial(edt.scratch, task) for task in every}
    recipes |= {f"edt_sf.{task}": partial(edt.scratch_full_size, task) for task in edt.RELATED["dn"]}
    recipes |= {f"edt.single_{task}": partial(edt.single, task) for task in (*every, *edt.RELATED["dr"])}
    ladder = ("50k", "100k", "400k", "full")
    recipes |= {f"edt.single_sr_x2_{images}": partial(edt.single, "sr_x2", images=images) for images in ladder}
    recipes |= {f"edt.related_{kind}": partial(edt.related, kind) for kind in edt.RELATED}
    recipes |= {"edt.unrelated": edt.unrelated, "edt_t.related_sr": partial(edt.related, "sr", size="t")}
    recipes |= {f"edt.fine_{task}": partial(edt.fine_tune, task) for task in (*every, *edt.RELATED["dr"])}
    for size, tasks in {"t": edt.RELATED["sr"], "s": ("sr_x2",), "l": ("sr_x2",)}.items():
        family = edt.SIZES[size]
        recipes |= {f"{family}.{task}": partial(edt.scratch, task, size=size) for task in tasks}
        recipes[f"{family}.single_sr_x2"] = partial(edt.single, "sr_x2", size=size)
        recipes |= {f"{family}.fine_{task}": partial(edt.fine_tune, task, size=size) for task in tasks}
    return recipes


def _hat() -> dict[str, Recipe]:
    recipes: dict[str, Recipe] = {}
    for size in ("hat", "hat_s"):
        recipes |= {f"{size}.sr_x{scale}": partial(hat.scratch, scale, size=size) for scale in (2, 3, 4)}
    for size in ("hat", "hat_l"):
        recipes |= {f"{size}.pretrain_x{scale}": partial(hat.pretrain, scale, size=size) for scale in (2, 3, 4)}
        recipes |= {f"{size}.fine_x{scale}": partial(hat.fine_tune, scale, size=size) for scale in (2, 3, 4)}
    return recipes | {"hat.real_x4": hat.real}


def _restormer() -> dict[str, Recipe]:
    recipes: dict[str, Recipe] = {
        "restormer.deraining": restormer.deraining,
        "restormer.motion_deblurring": restormer.motion_deblurring,
        "restormer.defocus": restormer.defocus_deblurring,
        "restormer.defocus_dual": restormer.dual_pixel_defocus_deblurring,
        "restormer.dn_real": restormer.real_denoising,
    }
    for prefix, grey in (("", False), ("grey_", True)):
        for task, sigma in {"dn_g15": 15, "dn_g25": 25, "dn_g50": 50, "dn_blind": None}.items():
            recipes[f"restormer.{prefix}{task}"] = partial(restormer.gaussian_denoising, sigma, grey=grey)
    return recipes


def _swinir() -> dict[str, Recipe]:
    recipes: dict[str, Recipe] = {}
    for scale in (2, 3, 4, 8):
        recipes[f"swinir.classical_x{scale}"] = partial(swinir.classical, scale)
        recipes[f"swinir.classical_x{scale}_div2k"] = partial(swinir.classical, scale, div2k=True)
    recipes |= {f"swinir.light_x{scale}": partial(swinir.light, scale) for scale in (2, 3, 4)}
    recipes |= {f"swinir.real_x{scale}": partial(swinir.real, scale) for scale in (2, 4)}
    recipes["swinir.real_l_x4"] = partial(swinir.real, 4, large=True)
    for prefix, grey in (("", False), ("grey_", True)):
        for sigma in (15, 25, 50):
            recipes[f"swinir.{prefix}dn_g{sigma}"] = partial(swinir.denoising, sigma, grey=grey)
        for quality in (10, 20, 30, 40):
            recipes[f"swinir.{prefix}jpeg_q{quality}"] = partial(swinir.jpeg, quality, grey=grey)
    return recipes


def _cnn() -> dict[str, Recipe]:
    recipes: dict[str, Recipe] = {}
    for size in ("edsr", "edsr_baseline"):
        recipes |= {f"{size}.sr_x{scale}": partial(cnn.edsr, scale, size=size) for scale in (2, 3, 4)}
    recipes |= {f"rcan.sr_x{scale}": partial(cnn.rcan, scale) for scale in (2, 3, 4, 8)}
    recipes |= {f"han.sr_x{scale}": partial(cnn.han, scale) for scale in (2, 3, 4, 8)}
    recipes |= {f"rdn.sr_x{scale}": partial(cnn.rdn, scale) for scale in (2, 3, 4)}
    recipes |= {f"rcdnet.{task}": partial(cnn.rcdnet, task) for task in ("dr_L", "dr_H")}
    return recipes | {"rrdbnet.sr_x4": cnn.rrdbnet, "rrdbnet.real_x4": cnn.real_esrnet}


RECIPES: dict[str, Recipe] = {
    "default": default.edt_p,
    **_ipt(),
    **_edt(),
    **_hat(),
    **_restormer(),
    **_swinir(),
    **_cnn(),
}
"""What people type after ``pixmend train``; every name but ``default`` is its run's, too."""
