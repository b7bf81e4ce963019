"""The protocols of the field, by name: the task's, or the task's and the paper's that differs.

Each is what one published script does; where two papers print numbers under one heading but not by one rule, there are
two protocols. What a network is padded with is not here but an option of the run (``padding``).
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from pixmend.errors import PixmendError, nearest
from pixmend.evaluate.noise import Noise
from pixmend.evaluate.protocol import Protocol
from pixmend.tasks import Kind

CLASSIC_SR = Protocol(
    name="classic_sr",
    version=1,
    source="RCAN Evaluate_PSNR_SSIM.m; BasicSR test_y_channel (HAT), SwinIR and EDT test scripts agree",
    kinds=("sr",),
    luma="bt601",
    border="scale",
    round8=True,
    ssim="wang",
)
"""Super-resolution as in the tables of RCAN, SwinIR, EDT and HAT. IPT's luma differs a little."""

CLASSIC_SR_IPT = replace(
    CLASSIC_SR, name="classic_sr_ipt", source="IPT utility.calc_psnr, which prints no SSIM", luma="ipt", ssim=None
)

COLOUR_DENOISING = Protocol(
    name="colour_denoising",
    version=1,
    source="Restormer Denoising/test_gaussian_color_denoising.py; SwinIR draws the noise in BGR order, "
    "EDT seeds once per run, IPT clips the noisy picture and scores luma",
    kinds=("dn",),
    luma="rgb",
    border=0,
    round8=True,
    ssim="wang",
    noise=Noise(generator="numpy", seed=0, seeded="picture"),
)
"""Gaussian colour denoising as in Restormer's tables, one noise level per task."""

COLOUR_DENOISING_SWINIR = replace(
    COLOUR_DENOISING,
    name="colour_denoising_swinir",
    source="SwinIR main_test_swinir.py, color_dn",
    noise=Noise(generator="numpy", seed=0, seeded="picture", channels="bgr"),
)
COLOUR_DENOISING_EDT = replace(
    COLOUR_DENOISING,
    name="colour_denoising_edt",
    source="EDT test_sample.py, which seeds once a run and takes the files in the order of their names as text",
    noise=Noise(generator="numpy", seed=0, seeded="run", channels="bgr"),
    order="name",
)
COLOUR_DENOISING_IPT = replace(
    COLOUR_DENOISING,
    name="colour_denoising_ipt",
    source="IPT trainer.py and utility.calc_psnr: clipped noise, luma. Its script seeds before it builds the network, "
    "which uses up numbers, so the very noise of the paper cannot be drawn again; this run is seeded with 1",
    luma="ipt",
    ssim=None,
    noise=Noise(generator="torch", seed=1, seeded="run", clip=True),
    order="name",
)
GREY_DENOISING = replace(
    COLOUR_DENOISING,
    name="grey_denoising",
    source="Restormer Denoising/test_gaussian_gray_denoising.py; SwinIR gray_dn agrees",
    given="grey",
)
"""Set12, BSD68 and the grey Urban100: for networks of one channel."""

DERAINING = Protocol(
    name="deraining",
    version=1,
    source="Restormer Deraining/evaluate_PSNR_SSIM.m (MATLAB rgb2ycbcr on uint8); EDT and IPT do not round the luma",
    kinds=("dr",),
    luma="bt601_rounded",
    border=0,
    round8=True,
    ssim="wang",
)
"""Deraining as in Restormer's and its predecessors' tables."""

DERAINING_EDT = replace(
    DERAINING, name="deraining_edt", source="EDT test_sample.py; mmagic scores Restormer so", luma="bt601"
)
DERAINING_IPT = replace(
    DERAINING, name="deraining_ipt", source="IPT utility.calc_psnr, which prints no SSIM", luma="ipt", ssim=None
)

DEBLURRING = Protocol(
    name="deblurring",
    version=1,
    source="Restormer Motion_Deblurring/evaluate_gopro_hide.m: MATLAB psnr and ssim on RGB; BasicSR's SSIM, which "
    "mmagic prints, is about 0.01 lower",
    kinds=("deblur",),
    luma="rgb",
    border=0,
    round8=True,
    ssim="matlab",
)
"""GoPro and HIDE."""

DEBLURRING_ALIGNED = replace(
    DEBLURRING,
    name="deblurring_aligned",
    source="evaluate_RealBlur.py of RealBlur, MPRNet and Restormer: intensity matched, aligned by a homography (ECC)",
    ssim="wang",
    aligned=True,
)
"""RealBlur, whose pairs were taken through two lenses."""

DEFOCUS = Protocol(
    name="defocus",
    version=1,
    source="Restormer Defocus_Deblurring/test_*_defocus_deblur.py and its utils.py, without LPIPS",
    kinds=("defocus",),
    luma="rgb",
    border=0,
    round8=False,
    ssim="uniform",
    mae=True,
)
"""DPDD, single image and dual pixel."""

REAL_DENOISING = Protocol(
    name="real_denoising",
    version=1,
    source="Restormer evaluate_sidd.m: MATLAB psnr and ssim on single-precision blocks that were never rounded",
    kinds=("real",),
    luma="rgb",
    border=0,
    round8=False,
    ssim="matlab",
)
"""The 1280 validation blocks of SIDD."""

JPEG_GREY = Protocol(
    name="jpeg_grey",
    version=1,
    source="SwinIR main_test_swinir.py, jpeg_car: OpenCV's encoder, of colours the rounded BT.601 luma; "
    "papers before it coded with MATLAB",
    kinds=("jpeg",),
    luma="rgb",
    border=0,
    round8=True,
    ssim="wang",
    given="luma",
    psnr_b=True,
)
"""Classic5 and LIVE1, for networks of one channel."""

JPEG_COLOUR = replace(
    JPEG_GREY, name="jpeg_colour", source="SwinIR main_test_swinir.py, color_jpeg_car: OpenCV's encoder", given="rgb"
)

PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        protocol.name: protocol
        for protocol in (
            *(CLASSIC_SR, CLASSIC_SR_IPT),
            *(COLOUR_DENOISING, COLOUR_DENOISING_SWINIR, COLOUR_DENOISING_EDT, COLOUR_DENOISING_IPT, GREY_DENOISING),
            *(DERAINING, DERAINING_EDT, DERAINING_IPT),
            *(DEBLURRING, DEBLURRING_ALIGNED, DEFOCUS, REAL_DENOISING),
            *(JPEG_GREY, JPEG_COLOUR),
        )
    }
)


def protocol_named(name: str) -> Protocol:
    """One of ``PROTOCOLS``.

    Raises:
        PixmendError: no such protocol; the message names the nearest, or all of them.
    """
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    raise PixmendError(f"no protocol is called {name!r}: {nearest(name, PROTOCOLS)}")


def protocol_of(kind: Kind, *, channels: int = 3) -> Protocol:
    """The protocol of the field's tables for a kind of task, for networks of so many input channels."""
    if channels == 1 and kind in _GREY:
        return _GREY[kind]
    return _BY_KIND[kind]


_BY_KIND: Mapping[Kind, Protocol] = MappingProxyType(
    {
        "sr": CLASSIC_SR,
        "dn": COLOUR_DENOISING,
        "real": REAL_DENOISING,
        "dr": DERAINING,
        "jpeg": JPEG_COLOUR,
        "deblur": DEBLURRING,
        "defocus": DEFOCUS,
    }
)
_GREY: Mapping[Kind, Protocol] = MappingProxyType({"dn": GREY_DENOISING, "jpeg": JPEG_GREY})
