"""Claims about pre-training: with what, on what, on how much."""

from dataclasses import replace

from pixmend.recipes import edt, ipt
from pixmend.studies.design import Arm, Chain, Contrast, Study
from pixmend.studies.small import EDSR, EDT, IPT, run
from pixmend.train import L1, Contrastive, Data, Objective, Run

_TASK = "sr_x2"
_ONE = Data(patch=48, batch=1, candidates=3)
"""For EDT, of each task: of three crops the one with the most detail, since a step has so few."""
_SHARE = 2 / 3
"""Of an arm's steps that are pre-training; the papers fine-tune for as long, or for a tenth of it."""


def contrastive() -> Study:
    """IPT's contrastive loss, as its paper writes it: on in pre-training, or off; fine-tuning is by L1 alone.

    Paper (2012.00364, ablation of the loss): Set5 x2 after fine-tuning 38.37 dB with, 38.27 dB without.
    """

    def pretrained(objective: Objective) -> Chain:
        data = Data(patch=IPT.size, batch=8, every_task=False, clip=True)

        def runs(steps: int) -> tuple[Run, ...]:
            first = int(_SHARE * steps)
            many = replace(IPT, tasks=ipt.TASKS)
            fine = run(IPT, steps=steps - first, data=replace(data, every_task=True), fine=True)
            return run(many, steps=first, data=data, objective=objective), fine

        return runs

    return Study(
        name="contrastive",
        claim="IPT's contrastive loss in pre-training raises x2 after fine-tuning by 0.10 dB (38.37 to 38.27 on Set5)",
        source="IPT, 2012.00364, ablation of the loss",
        small="a network of 24-pixel patches and one layer instead of 12, pre-trained on the same six tasks on your "
        "pictures instead of ImageNet; samples and initial weights are the same for both arms",
        task=_TASK,
        arms=(
            Arm(name="contrastive", runs=pretrained(Contrastive())),
            Arm(name="plain", runs=pretrained(L1())),
        ),
        contrasts=(Contrast(says="with the loss is better than without", plus=("contrastive",), minus=("plain",)),),
    )


def _edt(tasks: tuple[str, ...], *, task: str = _TASK) -> Chain:
    """EDT pre-trained for these tasks, all in every step, then fine-tuned for one."""

    def runs(steps: int) -> tuple[Run, ...]:
        first = int(_SHARE * steps)
        fine = run(replace(EDT, tasks=(task,)), steps=steps - first, data=_ONE, fine=True)
        return run(replace(EDT, tasks=tasks), steps=first, data=_ONE), fine

    return runs


def _scratch(steps: int) -> tuple[Run, ...]:
    return (run(EDT, steps=steps, data=_ONE),)


def relatedness() -> Study:
    """EDT pre-trained for one task, for related ones, for unrelated ones; and not at all.

    Paper (2112.10175, comparison of pre-training): multi-related above single-task above multi-unrelated; the table
    is not at hand. A step has a batch of each task, there as here, so that the body of a network of three tasks sees
    three times the samples.
    """
    return Study(
        name="relatedness",
        claim="EDT gains most from pre-training for related tasks (x2 x3 x4), less for the task alone, least for "
        "unrelated ones (x2 x3 noise); table not at hand, order only",
        source="EDT, 2112.10175, single-task against multi-task pre-training",
        small="two stages of two blocks instead of six of six; a step has a batch of each task, as in the paper, so "
        "networks of three tasks see three times the samples; pre-training and fine-tuning on the same pictures",
        task=_TASK,
        arms=(
            Arm(name="related", runs=_edt(edt.RELATED["sr"])),
            Arm(name="single", runs=_edt((_TASK,))),
            Arm(name="unrelated", runs=_edt(edt.UNRELATED)),
            Arm(name="scratch", runs=_scratch),
        ),
        contrasts=(
            Contrast(says="related tasks are better than the task alone", plus=("related",), minus=("single",)),
            Contrast(says="the task alone is better than unrelated tasks", plus=("single",), minus=("unrelated",)),
            Contrast(says="related tasks are better than no pre-training", plus=("related",), minus=("scratch",)),
        ),
    )


def same_task() -> Study:
    """HAT's claim that pre-training for the task itself beats pre-training for related ones, at x4.

    Paper (2205.04437 and 2309.05239, section on pre-training): same-task is better at both stages; values are not at
    hand. HAT has one task, so both arms are EDTs; EDT's own claim is the contrary (``relatedness``).
    """
    task = "sr_x4"
    return Study(
        name="same_task",
        claim="HAT: pre-training for x4 itself is better than for x2 x3 x4, where EDT's paper says the contrary; "
        "values not at hand",
        source="HAT, 2205.04437, same-task pre-training",
        small="a small EDT in both arms, since HAT has one task; equal steps of a batch of each task, as EDT trains",
        task=task,
        arms=(
            Arm(name="same", runs=_edt((task,), task=task)),
            Arm(name="related", runs=_edt(edt.RELATED["sr"], task=task)),
        ),
        contrasts=(Contrast(says="the task itself is better than related ones", plus=("same",), minus=("related",)),),
    )


def ladder() -> Study:
    """A transformer and a network of convolutions of as many parameters, on ever more pictures.

    Papers: IPT (2012.00364) loses to EDSR and RCAN with less than 60 % of ImageNet and wins with all of it; in EDT
    (2112.10175) and HAT transformers gain more from data than convolutions do.
    """
    shares = {"eighth": 1 / 8, "quarter": 1 / 4, "half": 1 / 2, "all": 1.0}

    def convolutions(steps: int) -> tuple[Run, ...]:
        return (run(EDSR, steps=steps, data=_ONE),)

    arms = tuple(
        Arm(name=f"{family}_{name}", runs=chain, share=share)
        for family, chain in (("edt", _scratch), ("edsr", convolutions))
        for name, share in shares.items()
    )
    return Study(
        name="ladder",
        claim="transformers gain more from more pictures than convolutions: IPT is below CNNs under 60 % of ImageNet, "
        "above them with all",
        source="IPT, 2012.00364, percentage of data; EDT, 2112.10175; HAT, 2205.04437",
        small="EDT against an EDSR of as many parameters, trained once, without fine-tuning, on an eighth to all of "
        "your pictures; the papers have 100,000 pictures and more, where few are few",
        task=_TASK,
        arms=arms,
        contrasts=(
            Contrast(
                says="from an eighth to all pictures EDT gains more than EDSR",
                plus=("edt_all", "edsr_eighth"),
                minus=("edt_eighth", "edsr_all"),
            ),
            Contrast(says="with an eighth EDSR is better", plus=("edsr_eighth",), minus=("edt_eighth",)),
            Contrast(says="with all EDT is better", plus=("edt_all",), minus=("edsr_all",)),
        ),
    )
