"""How IPT was trained (2012.00364): many tasks on ImageNet, then one.

The authors' PyTorch code cannot train. What the paper leaves open is taken from their MindSpore trainer and from
mindediting; where those contradict the paper, which they do often, each recipe says what it follows.
"""

from dataclasses import replace

from pixmend.models.ipt import VARIANTS
from pixmend.recipes.runs import weights_of
from pixmend.train import (
    L1,
    Adam,
    Constant,
    Contrastive,
    Data,
    Every,
    Milestones,
    Run,
    SupervisedContrastive,
)

TASKS = ("sr_x2", "sr_x3", "sr_x4", "dn_g30", "dn_g50", "dr_L")
EPOCH = 1_281_167 // 256
"""Steps of 256 crops in which every picture of ImageNet is seen about once."""

_EVERY = Every(log=100, preview=5000, save=5000)


def pretrain() -> Run:
    """Six tasks on ImageNet, one of them drawn for each step, by L1 and the paper's contrastive loss.

    Reproduces: the pre-trained model behind every table; before fine-tuning no source scores it.
    Command: ``pixmend train ipt.pretrain --data imagenet --out runs/ipt.pretrain``.
    Data: ImageNet, 1,281,167 pictures, those smaller than a crop stretched to it; noisy crops are clipped to [0, 1].
    Hardware: 32 V100. Hours: not stated.
    Expected: after ``ipt.sr_x2``, 0.10 dB more on Set5 than without the contrastive loss (38.37, 38.27).

    Paper and code disagree, and this follows:

    - the loss: the paper. Cosine similarity, no temperature, positives outside the denominator, weight 0.1. The
      MindSpore form is ``ipt.pretrain_supervised``, and its README trains without any, ``ipt.pretrain_plain``.
    - what the tail sees with that loss: the paper. MindSpore's tail gets what the head made, past the transformer,
      which then learns from the contrastive loss alone.
    - layers: the paper and the released weights, 12 and 12. The training command has 4 (``ipt_4``).
    - rate: the paper, 5e-5, and 2e-5 after 200 of 300 epochs. MindSpore halves it, mindediting keeps 1e-4.
    - an epoch: the code, one crop of each picture. The paper cuts more than 10 million patches: epochs of 8 times as
      many steps, for which ``--set steps=...`` leaves the schedule in proportion.
    - batch: the paper, 256; MindSpore has 64 and mindediting 32.
    - clipping: the paper, none. MindSpore clips the gradient of each tensor to a norm of 1.
    - rain: neither. Their streaks come from a data set; here they are drawn, as for light rain (``dr_L``).
    """
    return Run(
        name="ipt.pretrain",
        model=replace(VARIANTS["ipt"], tasks=TASKS),
        data=Data(patch=48, batch=256, every_task=False, small="stretch", clip=True),
        objective=Contrastive(),
        optim=Adam(lr=5e-5, betas=(0.9, 0.999)),
        schedule=Milestones(at=(200,), of=300, factor=0.4),
        steps=300 * EPOCH,
        ema=0.0,
        every=_EVERY,
    )


def pretrain_supervised() -> Run:
    """The same with the contrastive loss of the MindSpore trainer: temperature 0.07, positives in the denominator.

    Reproduces: what ``--con_loss`` of that trainer means to do, without its bug.
    Command: ``pixmend train ipt.pretrain_supervised --data imagenet --out runs/ipt.pretrain_supervised``.
    Data, hardware, hours: as ``ipt.pretrain``. Expected: not stated.

    Paper and code disagree as said at ``ipt.pretrain``; of the loss this follows the code, of the rest the paper.
    """
    return replace(pretrain(), name="ipt.pretrain_supervised", objective=SupervisedContrastive())


def pretrain_plain() -> Run:
    """The same by L1 alone: the paper's ablation, and what the command in the MindSpore README does.

    Reproduces: the ablation of the contrastive loss, weight 0.
    Command: ``pixmend train ipt.pretrain_plain --data imagenet --out runs/ipt.pretrain_plain``.
    Data, hardware, hours: as ``ipt.pretrain``.
    Expected: 38.27 dB on Set5 x2 after fine-tuning (protocol ``classic_sr_ipt``).

    Paper and code disagree as said at ``ipt.pretrain``; this follows the paper but for the loss.
    """
    return replace(pretrain(), name="ipt.pretrain_plain", objective=L1())


def fine_tune(task: str) -> Run:
    """One task with the transformer, and if it was among the six with the head, tail and query, of ``ipt.pretrain``.

    Reproduces: the tables of super-resolution, denoising and deraining; with ``dn_g10`` and ``dn_g70`` the trial of
    noise that was not pre-trained for, whose head, tail and query are drawn anew.
    Command: ``pixmend train ipt.sr_x2 --data imagenet --out runs/ipt.sr_x2``.
    Data: not stated; here ImageNet. Hardware, hours: not stated.
    Expected (``classic_sr_ipt``, Set5 / Set14 / B100 / Urban100): x2 38.37 / 34.43 / 32.48 / 33.76, x3 34.81 / 30.85 /
    29.38 / 29.49, x4 32.64 / 29.01 / 27.82 / 27.26. Denoising in Y, noise clipped (``colour_denoising_ipt``, CBSD68 /
    Urban100, README of the MindSpore trainer): sigma 30 32.35 / 33.99, sigma 50 29.93 / 31.49. Rain100L
    (``deraining_ipt``): 41.62. Sigma 10 and 70: not at hand.

    Paper and code disagree, and this follows: 30 epochs at 2e-5, the paper, where MindSpore has 50.
    """
    run = pretrain()
    return replace(
        run,
        name=f"ipt.{task}",
        model=replace(VARIANTS["ipt"], tasks=(task,)),
        objective=L1(),
        optim=replace(run.optim, lr=2e-5),
        schedule=Constant(),
        steps=30 * EPOCH,
        start=weights_of("ipt.pretrain"),
    )
