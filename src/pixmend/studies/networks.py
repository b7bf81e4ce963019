"""Claims about networks and how they are trained, without pre-training."""

from bisect import bisect_left
from dataclasses import replace

from pixmend.models.restormer import RestormerConfig
from pixmend.recipes.restormer import STAGES
from pixmend.studies.design import Arm, Chain, Contrast, Study
from pixmend.studies.small import EDT, RESTORMER, parameters, run
from pixmend.train import Data, Run, Stage

_DENOISING = "dn_g25"
_SMALL = 4
"""By how much patches are smaller than Restormer's, which begin at 128."""


def windows() -> Study:
    """EDT with windows of five shapes; their areas are 64, 144, 144, 128 and 64.

    Paper (2112.10175, ablation of windows): from 8 x 8 to 12 x 12 a large gain, 8 x 16 above 4 x 16, and 6 x 24
    above 12 x 12 at equal area; values are not at hand.
    """
    sides = ((8, 8), (12, 12), (6, 24), (8, 16), (4, 16))

    def chain(window: tuple[int, int]) -> Chain:
        model = replace(EDT, window=window)
        return lambda steps: (run(model, steps=steps, data=Data(patch=48, batch=1, candidates=3)),)

    return Study(
        name="windows",
        claim="EDT gains much from windows of 12 x 12 over 8 x 8, and 6 x 24 is better than 12 x 12 at equal area; "
        "values not at hand",
        source="EDT, 2112.10175, ablation of the window",
        small="two stages of two blocks on x2 from scratch; patches of 48, which all windows divide",
        task="sr_x2",
        arms=tuple(Arm(name=f"{rows}x{columns}", runs=chain((rows, columns))) for rows, columns in sides),
        contrasts=(
            Contrast(says="12 x 12 is better than 8 x 8", plus=("12x12",), minus=("8x8",)),
            Contrast(says="8 x 16 is better than 4 x 16", plus=("8x16",), minus=("4x16",)),
            Contrast(says="6 x 24 is better than 12 x 12", plus=("6x24",), minus=("12x12",)),
        ),
    )


def progressive() -> Study:
    """Restormer on patches that grow while batches shrink, against one size; equal pixels in every step.

    Paper (2111.09881, ablation): 0.07 dB more for progressive patches, in about the same time.
    """
    start, whole = 128 // _SMALL, 300_000
    pixels = 18 * start**2

    def grow(steps: int) -> tuple[Run, ...]:
        sides = [(stage.start * steps // whole, stage.patch // _SMALL) for stage in STAGES]
        stages = tuple(Stage(start=at, patch=side, batch=max(1, round(pixels / side**2))) for at, side in sides)
        return (run(RESTORMER, steps=steps, data=Data(patch=start, batch=18, stages=_rising(stages))),)

    def fixed(steps: int) -> tuple[Run, ...]:
        return (run(RESTORMER, steps=steps, data=Data(patch=start, batch=18)),)

    return Study(
        name="progressive",
        claim="Restormer gains 0.07 dB from patches that grow in training over a fixed size, in about the same time",
        source="Restormer, 2111.09881, ablation of progressive learning",
        small="patches of 32 to 96 instead of 128 to 384, in the same stages; equal pixels and equal steps in both "
        "arms; noise of 25 in place of 50",
        task=_DENOISING,
        arms=(Arm(name="progressive", runs=grow), Arm(name="fixed", runs=fixed)),
        contrasts=(
            Contrast(says="growing patches are better than fixed ones", plus=("progressive",), minus=("fixed",)),
        ),
    )


def blocks() -> Study:
    """Restormer's attention with depth-wise convolutions and its gated feed-forward, against blocks without.

    Paper (2111.09881, ablation): over a plain network MDTA 0.32 dB, GDFN 0.26 dB, both and the rest 0.51 dB. The
    feed-forward networks' expansion is what makes parameters equal here.
    """

    def chain(model: RestormerConfig) -> Chain:
        return lambda steps: (_denoiser(matched(model), steps),)

    plain = replace(RESTORMER, attention="MTA", feed_forward="FN")
    return Study(
        name="blocks",
        claim="Restormer's MDTA brings 0.32 dB, its GDFN 0.26 dB, both 0.51 dB over plain blocks",
        source="Restormer, 2111.09881, ablation of the block",
        small="one or two blocks a level; the plain block is Restormer's own without depth-wise convolutions and gate, "
        "not the paper's residual block, and wider so that parameters are equal; noise of 25 in place of 50",
        task=_DENOISING,
        arms=(
            Arm(name="MDTA+GDFN", runs=chain(RESTORMER)),
            Arm(name="MDTA+FN", runs=chain(replace(plain, attention="MDTA"))),
            Arm(name="MTA+GDFN", runs=chain(replace(plain, feed_forward="GDFN"))),
            Arm(name="MTA+FN", runs=chain(plain)),
        ),
        contrasts=(
            Contrast(says="MDTA is better than MTA", plus=("MDTA+FN",), minus=("MTA+FN",)),
            Contrast(says="GDFN is better than FN", plus=("MTA+GDFN",), minus=("MTA+FN",)),
            Contrast(says="both are better than neither", plus=("MDTA+GDFN",), minus=("MTA+FN",)),
        ),
    )


def expansion() -> Study:
    """How wide Restormer's feed-forward networks are, at equal parameters: 2.66 is what it has and never explains.

    Paper: no number; users ask. Blocks of the two lowest levels pay for the width; the parameters are then equal
    to 2 %, and full size, where most of the work is, has as many blocks in each arm.
    """
    forms = {2.0: (1, 1, 1, 2), 2.66: (1, 1, 2, 1), 4.0: (1, 1, 1, 1)}

    def chain(factor: float) -> Chain:
        model = replace(RESTORMER, ffn_expansion=factor, num_blocks=forms[factor])
        return lambda steps: (_denoiser(model, steps),)

    return Study(
        name="expansion",
        claim="Restormer widens its feed-forward networks 2.66 times and does not say why; if it was tuned, 2 and 4 "
        "are worse at equal parameters",
        source="Restormer, 2111.09881, section 3.2, no ablation",
        small="one or two blocks a level; an arm with wider feed-forward networks has a block less in one of the two "
        "lowest levels, so that parameters are equal to 2 %; noise of 25",
        task=_DENOISING,
        arms=tuple(Arm(name=f"{factor:g}", runs=chain(factor)) for factor in forms),
        contrasts=(
            Contrast(says="2.66 is better than 2", plus=("2.66",), minus=("2",)),
            Contrast(says="2.66 is better than 4", plus=("2.66",), minus=("4",)),
        ),
    )


def matched(model: RestormerConfig) -> RestormerConfig:
    """The network with the expansion that gives it as many parameters as the small Restormer, as nearly as may be."""
    wanted, factors = parameters(RESTORMER), [step / 20 for step in range(20, 200)]
    at = bisect_left(factors, wanted, key=lambda factor: parameters(replace(model, ffn_expansion=factor)))
    near = [replace(model, ffn_expansion=factor) for factor in factors[max(0, at - 1) : at + 1]]
    return min(near, key=lambda each: abs(parameters(each) - wanted))


def _denoiser(model: RestormerConfig, steps: int) -> Run:
    """Attention between channels sees the whole picture: trained on patches of 32, the arms fell again after half of
    their steps, on pictures of 264, and differed by a decibel between seeds."""
    return run(model, steps=steps, data=Data(patch=64, batch=2))


def _rising(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Of a run so short that stages begin together, the last of these."""
    return tuple(
        stages[at] for at in range(len(stages)) if at + 1 == len(stages) or stages[at].start < stages[at + 1].start
    )
