"""How the convolutional networks that the transformers are compared with were trained."""

import math
from dataclasses import replace

from pixmend.models import edsr as edsr_models
from pixmend.models import han as han_models
from pixmend.models import rcan as rcan_models
from pixmend.models import rcdnet as rcdnet_models
from pixmend.models import rdn as rdn_models
from pixmend.models import rrdbnet as rrdbnet_models
from pixmend.recipes.runs import weights_of
from pixmend.train import Adam, Constant, CosineRestarts, Data, Every, JointRain, Milestones, Run

_EVERY = Every(log=100, preview=5000, save=5000)


def edsr(scale: int, *, size: str = "edsr") -> Run:
    """EDSR (1707.02921), large or ``edsr_baseline``; x3 and x4 from x2.

    Reproduces: the rows EDSR of the tables of super-resolution.
    Command: ``pixmend train edsr.sr_x2 --data DIV2K --out runs/edsr.sr_x2``.
    Data: DIV2K. Hardware: one GPU in the options. Hours: not stated.
    Expected (``classic_sr``, Set5 / Set14 / B100 / Urban100 / Manga109), large: x2 38.11 / 33.92 / 32.32 / 32.93 /
    39.10, x3 34.65 / 30.52 / 29.25 / 28.80 / 34.17, x4 32.46 / 28.80 / 27.71 / 26.64 / 31.02.

    Paper and options disagree on the decay of Adam's second moment, 0.999 in the paper, and on averaged weights, of
    which it says nothing. This follows the options, XPixelGroup/BasicSR's.
    """
    run = Run(
        name=f"{size}.sr_x{scale}",
        model=replace(edsr_models.VARIANTS[size], scale=scale),
        data=Data(patch=48, batch=16),
        optim=Adam(lr=1e-4, betas=(0.9, 0.99)),
        schedule=Milestones(at=(200_000,), of=300_000),
        steps=300_000,
        ema=0.999,
        every=_EVERY,
    )
    return run if scale == 2 else replace(run, start=weights_of(f"{size}.sr_x2"))


def rcan(scale: int) -> Run:
    """RCAN (1807.02758); x3, x4 and x8 from x2.

    Reproduces: the rows RCAN of the tables of super-resolution.
    Command: ``pixmend train rcan.sr_x2 --data DIV2K --out runs/rcan.sr_x2``.
    Data: DIV2K's 800. Hardware: one GPU in the authors' script. Hours: not stated.
    Expected (``classic_sr``, Set5 / Set14 / B100 / Urban100 / Manga109): x2 38.27 / 34.12 / 32.41 / 33.34 / 39.44, x3
    34.74 / 30.65 / 29.32 / 29.09 / 34.44, x4 32.63 / 28.87 / 27.77 / 26.82 / 31.22, x8 Set5 27.31.

    Paper and code are not known to disagree. This is the authors' code, 1000 epochs of 1000 batches; BasicSR's options
    stop after 300,000 steps.
    """
    run = Run(
        name=f"rcan.sr_x{scale}",
        model=replace(rcan_models.VARIANTS["rcan"], scale=scale),
        data=Data(patch=48, batch=16),
        optim=Adam(lr=1e-4, betas=(0.9, 0.999)),
        schedule=Milestones(at=(200_000, 400_000, 600_000, 800_000), of=1_000_000),
        steps=1_000_000,
        ema=0.0,
        every=_EVERY,
    )
    return run if scale == 2 else replace(run, start=weights_of("rcan.sr_x2"))


def han(scale: int) -> Run:
    """HAN (2008.08767), every scale with the trunk of RCAN's x2 to begin with.

    Reproduces: the rows HAN of the tables of super-resolution.
    Command: ``pixmend train han.sr_x2 --data DIV2K --out runs/han.sr_x2`` after ``rcan.sr_x2``.
    Data: DIV2K's 800. Hardware: Titan X, 1080 Ti or Xp. Hours: not stated.
    Expected (``classic_sr``, Set5 / Set14 / B100 / Urban100 / Manga109): x2 38.27 / 34.16 / 32.41 / 33.35 / 39.46, x3
    34.75 / 30.67 / 29.32 / 29.10 / 34.48, x4 32.64 / 28.90 / 27.80 / 26.85 / 31.42.

    Paper and code disagree: L1 in the paper, followed here, and squared errors where the code's option is left as it
    is. Rates and steps are RCAN's, on whose code theirs is built.
    """
    model = replace(han_models.VARIANTS["han"], scale=scale)
    return replace(rcan(2), name=f"han.sr_x{scale}", model=model, start=weights_of("rcan.sr_x2"))


def rdn(scale: int) -> Run:
    """RDN (1802.08797), x3 and x4 from x2.

    Reproduces: the rows RDN of the tables of super-resolution.
    Command: ``pixmend train rdn.sr_x2 --data DIV2K --out runs/rdn.sr_x2``.
    Data: DIV2K's 800. Hardware: not stated. Hours: not stated.
    Expected (``classic_sr``, Set5 / Set14 / B100 / Urban100 / Manga109): x2 38.24 / 34.01 / 32.34 / 32.89 / 39.18, x3
    34.71 / 30.57 / 29.26 / 28.80 / 34.13, x4 32.47 / 28.81 / 27.72 / 26.61 / 31.00.

    Paper and code disagree: the scores are those of patches of 32, which this follows; the authors' code, for Torch 7,
    has 48 for x2, "should be better", and begins x3 and x4 with x2. It stops x4 after 1000 epochs of 1000 batches and
    the others when somebody does; 1000 are taken for all.

    Source: yulunzhang/RDN ``RDN_TrainCode/code/opts.lua`` and ``TrainRDN_scripts.sh``.
    """
    run = Run(
        name=f"rdn.sr_x{scale}",
        model=replace(rdn_models.VARIANTS["rdn"], scale=scale),
        data=Data(patch=32, batch=16),
        optim=Adam(lr=1e-4, betas=(0.9, 0.999)),
        schedule=Milestones(at=(200_000, 400_000, 600_000, 800_000), of=1_000_000),
        steps=1_000_000,
        ema=0.0,
        every=_EVERY,
    )
    return run if scale == 2 else replace(run, start=weights_of("rdn.sr_x2"))


def rrdbnet() -> Run:
    """ESRGAN's generator (1809.00219) before the adversarial training, x4.

    Reproduces: the row RRDB of the table of super-resolution x4.
    Command: ``pixmend train rrdbnet.sr_x4 --data DF2K --out runs/rrdbnet.sr_x4``.
    Data: DIV2K in the options, with Flickr2K in the paper, whose scores are expected here.
    Hardware: one GPU in the options. Hours: not stated.
    Expected (``classic_sr``, Set5 / Set14 / B100 / Urban100 / Manga109): 32.73 / 28.99 / 27.85 / 27.03 / 31.66.

    Paper and options disagree: the paper halves the rate every 200,000 steps, the options of XPixelGroup/BasicSR,
    followed here, let it fall by a cosine four times.
    """
    return Run(
        name="rrdbnet.sr_x4",
        model=rrdbnet_models.VARIANTS["rrdbnet"],
        data=Data(patch=32, batch=16),
        optim=Adam(lr=2e-4, betas=(0.9, 0.99)),
        schedule=CosineRestarts(low=1e-7 / 2e-4, cycles=4),
        steps=1_000_000,
        ema=0.0,
        every=_EVERY,
    )


def real_esrnet() -> Run:
    """Real-ESRGAN's generator (2107.10833) before the adversarial training, for photographs as they come, x4.

    Reproduces: the weights ``rrdbnet.sr_real_x4_realesrnet``.
    Command: ``pixmend degrade DFO --chain sharpen --out DFO_sharp``, since the clean pictures are sharpened, then
    ``pixmend train rrdbnet.real_x4 --data DFO_sharp --out runs/rrdbnet.real_x4``, begun with ``rrdbnet.sr_x4``.
    Data: DIV2K, Flickr2K at several sizes and OST in parts, made bad by Real-ESRGAN's blur, resizing, noise and JPEG,
    twice over. Hardware: 4 GPUs with 12 samples each. Hours: not stated.
    Expected: no score of this stage is stated.

    Paper and code are not known to disagree. The options of xinntao/Real-ESRGAN begin with weights of ESRGAN from
    DIV2K, Flickr2K and OST, this with ``rrdbnet.sr_x4``; their second stage takes VGG-19 and a discriminator and is not
    here, as said at ``hat.real_x4``.
    """
    return replace(
        rrdbnet(),
        name="rrdbnet.real_x4",
        model=replace(rrdbnet_models.VARIANTS["rrdbnet"], task="sr_real_x4"),
        data=Data(patch=64, batch=48),
        schedule=Constant(),
        ema=0.999,
        start=weights_of("rrdbnet.sr_x4"),
    )


def rcdnet(task: str) -> Run:
    """RCDNet (2005.01333) for ``dr_L`` or ``dr_H``, by its joint loss over all stages.

    Reproduces: the rows RCDNet of Rain100L and Rain100H.
    Command: ``pixmend train rcdnet.dr_L --data Rain100L/norain --set data.low=Rain100L/rain --out runs/rcdnet.dr_L``;
    without ``data.low`` the rain is drawn.
    Data: Rain100L's 200 or Rain100H's 1800 training pairs. Hardware: one GPU by default. Hours: not stated.
    Expected (PSNR of Y by the authors' MATLAB code): Rain100L 40.00, Rain100H 31.28, both not verified.

    Paper and code disagree: of the inner stages only the last has a gradient in the authors' trainer, and all of them
    in the paper, which this follows.

    100 epochs of about 1000 batches, which is how often the authors' loader repeats the pairs. Their code begins with
    rain kernels learned in MATLAB, and only mirrors patches; here kernels are drawn, and patches turned too.
    """
    pairs = {"dr_L": 200, "dr_H": 1800}[task]
    epoch = math.ceil(pairs * (1000 // (pairs // 16)) / 16)
    return Run(
        name=f"rcdnet.{task}",
        model=replace(rcdnet_models.VARIANTS["rcdnet"], task=task),
        data=Data(patch=64, batch=16),
        objective=JointRain(),
        optim=Adam(lr=1e-3, betas=(0.9, 0.999)),
        schedule=Milestones(at=(25, 50, 75), of=100, factor=0.2),
        steps=100 * epoch,
        ema=0.0,
        every=_EVERY,
    )
