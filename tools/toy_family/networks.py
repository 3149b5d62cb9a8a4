"""The networks of the family: Stable Diffusion 1 in miniature.

Every choice keeps the layout widenable, exactly, to Stable Diffusion 1.5: GroupNorm of
32 groups everywhere, 32 model channels (a tenth of 320) with the original multipliers,
a context of 64 (a twelfth of 768), at most eight heads.
"""

from __future__ import annotations

from typing import Any

from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

MODEL_CHANNELS = 32
CHANNEL_MULT = (1, 2, 4, 4)
CONTEXT = 64
HEADS = 2
TEXT_LAYERS = 2
N_TOKENS = 77
SCALE_FACTOR = 0.18215


def build_vae() -> Any:
    """Return the autoencoder, 3 x 64 x 64 px to 4 x 8 x 8.

    The encoder has no residual blocks but the middle's.
    """
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(64,) * 4,
        layers_per_block=0,
        latent_channels=4,
        norm_num_groups=32,
        sample_size=64,
        scaling_factor=SCALE_FACTOR,
    )


def build_unet() -> Any:
    """Return the noise predictor over 4 x 8 x 8 latents."""
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        block_out_channels=tuple(MODEL_CHANNELS * m for m in CHANNEL_MULT),
        layers_per_block=2,
        attention_head_dim=HEADS,  # diffusers' name for the number of heads
        cross_attention_dim=CONTEXT,
        norm_num_groups=32,
    )


def text_config(vocab_size: int) -> CLIPTextConfig:
    """Return the text encoder's configuration; start and end are the last two tokens."""
    return CLIPTextConfig(
        vocab_size=vocab_size,
        hidden_size=CONTEXT,
        intermediate_size=4 * CONTEXT,
        num_hidden_layers=TEXT_LAYERS,
        num_attention_heads=HEADS,
        max_position_embeddings=N_TOKENS,
        hidden_act="quick_gelu",
        projection_dim=CONTEXT,
        bos_token_id=vocab_size - 2,
        eos_token_id=vocab_size - 1,
        pad_token_id=vocab_size - 1,
    )


def build_text(vocab_size: int) -> Any:
    """Return the text encoder, its words spread widely from the start."""
    model = CLIPTextModel(text_config(vocab_size))
    # CLIP's own start (.02) leaves all words nearly equal for the first thousand steps.
    model.get_input_embeddings().weight.data.normal_(std=0.3)
    return model
