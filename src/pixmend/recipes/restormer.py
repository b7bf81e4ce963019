"""How Restormer was trained (2111.09881), after the options of swz30/Restormer: patches grow, batches shrink.

Paper and code disagree, for every task, and these follow the code: the rate stays at 3e-4 for 92,000 steps before the
cosine of which alone the paper speaks; the gradient is clipped to a norm of 0.01; denoisers train on mixtures of two
pictures in half of the steps (mixup, without effect once the batch on a GPU is 1, in the last 60,000).
"""

from dataclasses import replace

from pixmend.models.restormer import VARIANTS
from pixmend.train import AdamW, Data, Every, FlatThenCosine, Mixup, Run, Stage

STAGES = (
    Stage(start=92_000, patch=160, batch=40),
    Stage(start=156_000, patch=192, batch=32),
    Stage(start=204_000, patch=256, batch=16),
    Stage(start=240_000, patch=320, batch=8),
    Stage(start=276_000, patch=384, batch=8),
)
"""After 92,000 steps on 64 patches of 128; batches are those of 8 GPUs together."""


def _run(name: str, *, task: str, variant: str = "restormer") -> Run:
    """What all tasks share; pictures smaller than a crop are filled by reflection."""
    return Run(
        name=f"restormer.{name}",
        model=replace(VARIANTS[variant], task=task),
        data=Data(patch=128, batch=64, stages=STAGES, small="reflect"),
        optim=AdamW(lr=3e-4, betas=(0.9, 0.999), weight_decay=1e-4),
        schedule=FlatThenCosine(low=1e-6 / 3e-4, flat=92_000, of=300_000),
        steps=300_000,
        ema=0.0,
        clip=0.01,
        every=Every(log=100, preview=4000, save=4000),
    )


def deraining() -> Run:
    """Rain of any kind, on Rain13K.

    Reproduces: the table of deraining.
    Command: ``pixmend train restormer.deraining --data Rain13K/target --set data.low=Rain13K/input --out
    runs/restormer.deraining``.
    Data: Rain13K, 13,712 pairs (the number is not verified), of several sets together: scores are not comparable to
    those of networks trained on Rain100L or Rain100H alone.
    Hardware: 8 V100 of 32 GB (the authors, swz30/Restormer issue 66). Hours: not stated.
    Expected (``deraining``, Test100 / Rain100H / Rain100L / Test2800 / Test1200): 32.00 / 31.46 / 38.99 / 34.18 /
    33.19, mean 33.96.

    Paper and code disagree on the rate and on clipping, as the module says.
    """
    return _run("deraining", task="dr")


def motion_deblurring() -> Run:
    """Blur of a moving camera and of what moves before it, on GoPro alone.

    Reproduces: the table of motion deblurring.
    Command: ``pixmend train restormer.motion_deblurring --data GoPro/target --set data.low=GoPro/input --out
    runs/restormer.motion_deblurring``.
    Data: GoPro, 2103 pairs cut to 512 x 512 with an overlap of 256.
    Hardware: 8 V100 of 32 GB. Hours: not stated.
    Expected (``deblurring``): GoPro 32.92, HIDE 31.22; RealBlur-R 36.19, RealBlur-J 28.96 (``deblurring_aligned``).

    Paper and code disagree on the rate and on clipping, as the module says.
    """
    return _run("motion_deblurring", task="deblur")


def defocus_deblurring() -> Run:
    """What is out of focus, from one picture.

    Reproduces: the table of defocus deblurring, single image.
    Command: ``pixmend train restormer.defocus --data DPDD/target --set data.low=DPDD/inputC --out
    runs/restormer.defocus``.
    Data: DPDD, 350 pairs cut to 512 x 512 at a stride of 204, the 30 % least sharp left out.
    Hardware: 8 V100 of 32 GB. Hours: not stated.
    Expected (``defocus``, DPDD): indoor 28.87, outdoor 23.24, combined 25.98.

    Paper and code disagree on the rate and on clipping, as the module says.
    """
    return _run("defocus", task="defocus")


def dual_pixel_defocus_deblurring() -> Run:
    """The same from both views of a dual-pixel sensor: six channels in, three out.

    Reproduces: the table of defocus deblurring, dual-pixel.
    Command: ``pixmend train restormer.defocus_dual --data DPDD/target --set data.low=DPDD/inputL,DPDD/inputR --out
    runs/restormer.defocus_dual``.
    Data: DPDD, whose 16 bits are read in full, as in the code.
    Hardware: 8 V100 of 32 GB. Hours: not stated.
    Expected (``defocus``, DPDD): indoor 29.48, outdoor 23.97, combined 26.66.

    Paper and code disagree on the rate and on clipping, as the module says.
    """
    return _run("defocus_dual", task="defocus_dual", variant="restormer_dual")


def gaussian_denoising(sigma: int | None, *, grey: bool = False) -> Run:
    """Gaussian noise of one ``sigma``, or for None blind: of any from 0 to 50, drawn for each sample.

    Reproduces: the tables of colour and grey Gaussian denoising.
    Command: ``pixmend train restormer.dn_g15 --data DFWB --out runs/restormer.dn_g15``; blind is
    ``restormer.dn_blind``, grey ``restormer.grey_dn_g15`` and ``restormer.grey_dn_blind``.
    Data: DIV2K 800, Flickr2K 2650, WED 4744, BSD500 400 (DFWB), cut to 512 x 512 with an overlap of 96 where larger
    than 800. Noise neither clipped nor rounded.
    Hardware: 8 V100 of 32 GB. Hours: not stated.
    Expected (``colour_denoising``, CBSD68 / Kodak24 / McMaster / Urban100): sigma 15 34.40 / 35.47 / 35.61 / 35.13,
    25 31.79 / 33.04 / 33.34 / 32.96, 50 28.60 / 30.01 / 30.30 / 30.02; blind 34.39 / 35.44 / 35.55 / 35.06, 31.78 /
    33.02 / 33.31 / 32.91, 28.59 / 30.00 / 30.29 / 30.02. Users who trained it again got up to 0.1 dB less. Grey
    (``grey_denoising``, Set12 / BSD68 / Urban100): 33.42 / 31.96 / 33.79, 31.08 / 29.52 / 31.46, 28.00 / 26.62 / 28.29;
    blind 33.35 / 31.95 / 33.67, 31.04 / 29.51 / 31.39, 28.01 / 26.62 / 28.33.

    Paper and code disagree on the rate, clipping and mixup, as the module says.
    """
    task = "dn_blind" if sigma is None else f"dn_g{sigma}"
    variant = "restormer_grey" if grey else "restormer_biasfree"
    return replace(_run(f"grey_{task}" if grey else task, task=task, variant=variant), mixup=Mixup(alpha=1.2))


def real_denoising() -> Run:
    """The noise of a phone's camera, on SIDD.

    Reproduces: the table of real denoising.
    Command: ``pixmend train restormer.dn_real --data SIDD/target --set data.low=SIDD/input --out
    runs/restormer.dn_real``.
    Data: SIDD, 320 pairs cut to 512 x 512. Hardware: 8 V100 of 32 GB. Hours: not stated.
    Expected: SIDD 40.02 (``real_denoising``), DND 40.03 by its server.

    Paper and code disagree on the rate, clipping and mixup, as the module says.
    """
    return replace(_run("dn_real", task="dn_real", variant="restormer_biasfree"), mixup=Mixup(alpha=1.2))
