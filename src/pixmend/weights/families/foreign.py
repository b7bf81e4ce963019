"""Files of networks that pixmend does not have, so that a refusal can say what the file is.

Names are compared with every number in them replaced by ``#``: then a block stands for all blocks like it. The names
below are facts of the public code of those networks, none of which is taken over here.
"""

import re
from collections.abc import Collection, Mapping

NUMBER = re.compile(r"\d+")
PREFIX = re.compile(r"^(?:model\.)+")
"""Before every name of some files; others are read without it, so it counts for nothing."""
LIKENESS = 0.3
"""The share of names in common below which two files are not alike at all."""
SHOWN = 3

SIGNATURES: dict[str, tuple[str, ...]] = {
    # Window transformers, the special ones of a kind before the general
    "DAT (super-resolution)": ("before_RG.#.weight", "layers.#.blocks.#.ffn.sg.conv.weight"),
    "CAT (super-resolution, JPEG)": ("before_RG.#.weight", "layers.#.blocks.#.get_v.weight"),
    "RGT (super-resolution)": ("before_RG.#.weight", "layers.#.blocks.#.gamma"),
    "ATD (super-resolution)": ("conv_first.weight", "layers.#.residual_group.td"),
    "DRCT (super-resolution)": ("conv_first.weight", "layers.#.swin#.attn.qkv.weight", "layers.#.adjust#.weight"),
    "GRL (restoration)": ("norm_start.weight", "layers.#.blocks.#.attn.stripe_attn.attn_transform#.logit_scale"),
    "SRFormer (super-resolution)": (
        "conv_first.weight",
        "layers.#.residual_group.blocks.#.attn.aligned_relative_position_index",
    ),
    "CRAFT (super-resolution)": ("conv_first.weight", "layers.#.residual_group.hf_blocks.#.attn.temperature"),
    "Swin2SR (super-resolution, JPEG)": ("conv_first.weight", "layers.#.residual_group.blocks.#.attn.logit_scale"),
    "SwinFIR or HATFIR (super-resolution)": ("conv_first.weight", "layers.#.conv.fusion.weight"),
    "MambaIR (restoration)": ("conv_first.weight", "layers.#.residual_group.blocks.#.self_attention.A_logs"),
    "DITN (super-resolution)": ("sft.weight", "UFONE.#.ITLs.#.attn.temperature"),
    "DCTLSA (super-resolution)": ("fea_conv.weight", "B#.body.#.transformer_body.#.blocks.#.attn.qkv.weight"),
    "ELAN (super-resolution)": ("head.#.weight", "body.#.modules_gmsa.gmsa_#.project_inp.#.weight"),
    "OmniSR (super-resolution)": ("input.weight", "residual_layer.#.residual_layer.#.layer.#.fn.#.weight"),
    "VRT (video)": ("conv_first.weight", "stage#.residual_group#.blocks.#.attn.qkv_self.weight"),
    # U-shaped transformers and networks
    "PromptIR (all-in-one restoration)": ("patch_embed.proj.weight", "prompt#.prompt_param"),
    "FFTformer (deblurring)": ("patch_embed.proj.weight", "encoder_level#.#.ffn.fft"),
    "KBNet (denoising, deraining)": ("encoder_level#.#.attn.attgamma", "latent.#.ffn.qkv.weight"),
    "KBNet-s (denoising)": ("intro.weight", "encoders.#.#.attgamma"),
    "M3SNet (restoration)": ("intro.weight", "middle_blks.#.qkv_dwconv.weight"),
    "NAFNet (denoising, deblurring)": ("intro.weight", "ending.weight", "middle_blks.#.sca.#.weight"),
    "Uformer (denoising, deblurring)": ("input_proj.proj.#.weight", "encoderlayer_#.blocks.#.norm#.weight"),
    "Retinexformer (low light)": ("body.#.estimator.conv#.weight", "body.#.denoiser.embedding.weight"),
    "HVI-CIDNet (low light)": ("HVE_block#.#.weight", "trans.density_k"),
    "MixDehazeNet (dehazing)": ("patch_embed.proj.weight", "layer#.blocks.#.Wv.#.weight"),
    "MPRNet (restoration)": ("shallow_feat#.#.weight", "stage#_orsnet.orb#.body.#.CA.conv_du.#.weight"),
    "HINet (restoration)": ("down_path_#.#.conv_#.weight", "skip_conv_#.#.weight", "cat#.weight"),
    "MIRNet (restoration)": ("conv_in.weight", "body.#.body.#.blocks.#.#.SA.spatial.conv.weight"),
    "MIRNet-v2 (restoration)": ("conv_in.weight", "body.#.body.#.dau_top.body.#.weight"),
    "FBCNN (JPEG)": ("m_head.weight", "qf_pred.#.res.#.weight"),
    "DRUNet (denoising)": ("m_head.weight", "m_down#.#.res.#.weight", "m_body.#.res.#.weight"),
    "SCUNet (denoising)": ("m_head.#.weight", "m_body.#.trans_block.msa.embedding_layer.weight"),
    "MIMO-UNet (deblurring)": ("feat_extract.#.main.#.weight", "AFFs.#.conv.#.main.#.weight"),
    "Real-CUGAN or waifu2x (pictures of anime)": ("unet#.conv#_down.weight", "unet#.conv#.seblock.conv#.weight"),
    # Convolutional super-resolution
    "MM-RealSR (super-resolution)": ("am_list.#.fc.#.weight", "de_net.conv_first.#.weight"),
    "SAN (super-resolution)": ("head.#.weight", "RG.#.soca.conv_du.#.weight"),
    "NLSN (super-resolution)": ("head.#.weight", "body.#.conv_assembly.#.weight"),
    "CARN (super-resolution)": ("entry.weight", "exit.weight", "c#.body.#.weight"),
    "IMDN (super-resolution)": ("fea_conv.weight", "IMDB#.c#.weight"),
    "RFDN (super-resolution)": ("fea_conv.weight", "B#.c#_d.weight", "B#.esa.conv#.weight"),
    "DBPN (super-resolution)": ("feat#.conv.weight", "up#.up_conv#.deconv.weight"),
    "LapSRN (super-resolution)": ("conv_input.weight", "convt_I#.weight", "convt_R#.weight"),
    "VDSR (super-resolution)": ("input.weight", "residual_layer.#.conv.weight", "output.weight"),
    "FSRCNN (super-resolution)": ("first_part.#.weight", "mid_part.#.weight", "last_part.weight"),
    "SAFMN (super-resolution)": ("to_feat.weight", "feats.#.safm.mfr.#.weight"),
    "SAFMN-BCIE (JPEG)": ("to_feat.#.weight", "feats.#.layers.#.safm.mfr.#.weight"),
    "SPAN (super-resolution)": ("conv_#.sk.weight", "block_#.c#_r.sk.weight"),
    "RealPLKSR (super-resolution)": ("feats.#.lk.conv.weight", "feats.#.norm.weight", "feats.#.refine.weight"),
    "PLKSR (super-resolution)": ("feats.#.weight", "feats.#.refine.weight"),
    "SeemoRe (super-resolution)": ("conv_#.weight", "body.#.local_block.block.moe_layer.experts.#.conv_#.weight"),
    "MoSR (super-resolution)": ("gblocks.#.fc#.weight", "gblocks.#.conv.weight"),
    "MoESR (super-resolution)": ("in_to_dim.weight", "blocks.#.blocks.#.conv.dwconv_hw.weight"),
    "Swift-SRGAN (super-resolution)": ("initial.cnn.depthwise.weight", "final_conv.pointwise.weight"),
    "SRResNet in BasicSR's names (super-resolution)": (
        "conv_first.weight",
        "body.#.conv#.weight",
        "upconv#.weight",
        "conv_hr.weight",
    ),
    "SRResNet in KAIR's names (super-resolution)": ("#.weight", "#.sub.#.res.#.weight"),
    "LIIF (super-resolution)": ("encoder.head.#.weight", "imnet.layers.#.weight"),
    "RDN in the names of MMEditing (super-resolution)": ("sfe#.weight", "rdbs.#.lff.weight"),
    # Video
    "BasicVSR or IconVSR (video)": ("backward_trunk.main.#.weight", "conv_last.weight"),
    "BasicVSR++ (video)": ("backbone.backward_#.main.#.weight", "conv_last.weight"),
    "EDVR (video)": ("pcd_align.cas_dcnpack.weight", "conv_last.weight"),
    # Faces, codebooks, painting in
    "GFPGAN (faces)": ("toRGB.#.weight", "stylegan_decoder.style_mlp.#.weight"),
    "CodeFormer (faces)": ("position_emb", "quantize.embedding.weight", "idx_pred_layer.#.weight"),
    "RestoreFormer (faces), or another network with a codebook": ("quantize.embedding.weight", "quant_conv.weight"),
    "AdaCode (restoration)": ("multiscale_encoder.in_conv.weight", "weight_predictor.blocks.#.weight"),
    "FeMaSR (super-resolution)": ("multiscale_encoder.in_conv.weight", "quantize_group.#.embedding.weight"),
    "LaMa (inpainting)": ("#.bn_l.running_mean", "#.ffc.convl#l.weight"),
    "MAT (inpainting)": ("synthesis.first_stage.conv_first.conv.resample_filter",),
    "DDColor (colours)": ("refine_net.#.#.weight_orig", "encoder.arch.stages.#.#.dwconv.weight"),
    # No networks that restore
    "a U-Net discriminator, which judges pictures and restores none": ("conv#.weight", "conv#.weight_orig"),
    "a VGG discriminator, which judges pictures and restores none": ("conv#_#.weight", "bn#_#.weight"),
    "a VGG network or discriminator, which judges pictures and restores none": (
        "features.#.weight",
        "classifier.#.weight",
    ),
    "a ResNet, which names pictures and restores none": ("conv#.weight", "layer#.#.conv#.weight", "fc.weight"),
    "Stable Diffusion, or another diffusion model": ("diffusion_model.input_blocks.#.#.weight",),
    "a diffusion model": ("input_blocks.#.#.weight", "time_embed.#.weight"),
    "a diffusion model in the names of diffusers": ("down_blocks.#.resnets.#.conv#.weight", "conv_in.weight"),
    "CLIP, or another model of pictures and text": ("visual_projection.weight", "text_projection.weight"),
    "a language model": ("embed_tokens.weight", "layers.#.self_attn.q_proj.weight"),
}
"""Names that are all in a file of the network; the first that fits is meant."""

PLAIN: dict[str, frozenset[str]] = {
    "SRVGGNetCompact (super-resolution)": frozenset({"body.#.weight", "body.#.bias"}),
    "SRCNN (super-resolution)": frozenset({"conv#.weight", "conv#.bias"}),
    "a plain sequence of layers, such as DnCNN, IRCNN and FFDNet (denoising)": frozenset(
        {"#.weight", "#.bias", "#.running_mean", "#.running_var", "#.num_batches_tracked"}
    ),
    "DnCNN (denoising)": frozenset(
        f"dncnn.#.{leaf}" for leaf in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    ),
}
"""The only names that there are in a file of a network too plain for a sign of its own."""


def looks_like(names: Collection[str]) -> str | None:
    """The name of a network that pixmend does not have and what it is for; None if it is none of those known."""
    found = {normalised(name) for name in names}
    for network, signature in SIGNATURES.items():
        if found.issuperset(signature):
            return network
    return next((network for network, only in PLAIN.items() if found and found <= only), None)


def nearest(names: Collection[str], known: Mapping[str, Collection[str]]) -> tuple[str, list[str]] | None:
    """The known file whose names are most like these, and the first differences; None if none is alike.

    The likeness is the share of names in common. A difference in numbers alone, such as a file with more blocks,
    is none.
    """
    found = _first_of_each(names)
    best: tuple[float, str, list[str]] | None = None
    for network, candidates in known.items():
        expected = _first_of_each(candidates)
        likeness = len(expected.keys() & found.keys()) / max(1, len(expected.keys() | found.keys()))
        if best is None or likeness > best[0]:
            missing = [f"missing {name}" for key, name in expected.items() if key not in found]
            unexpected = [f"unexpected {name}" for key, name in found.items() if key not in expected]
            best = (likeness, network, _in_turn(missing, unexpected)[:SHOWN])
    return None if best is None or best[0] < LIKENESS else best[1:]


def normalised(name: str) -> str:
    """The name with ``#`` for every number in it, without ``model.`` before it."""
    return NUMBER.sub("#", PREFIX.sub("", name))


def _first_of_each(names: Collection[str]) -> dict[str, str]:
    """The first name of each kind, by its normalised name."""
    firsts: dict[str, str] = {}
    for name in names:
        firsts.setdefault(normalised(name), name)
    return firsts


def _in_turn(missing: list[str], unexpected: list[str]) -> list[str]:
    """Of both, one after the other, so that a short list shows a renaming from both sides."""
    pairs = [line for pair in zip(missing, unexpected, strict=False) for line in pair]
    return pairs + missing[len(pairs) // 2 :] + unexpected[len(pairs) // 2 :]
