"""The options of every command that writes a checkpoint: number type, VAE, EMA copies."""

from __future__ import annotations

import argparse

from lib_rimo.benchmark.hub import KNOWN_TAGGERS
from lib_rimo.merging.saving.options import NUMBER_TYPES, SaveOptions


def add_form_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "--number-type", choices=tuple(NUMBER_TYPES), default="", help="default: the base's number types"
    )
    parser.add_argument("--no-vae", action="store_true", help="leave the VAE out")
    parser.add_argument("--prune-ema", action="store_true", help="leave the base's EMA copies out")


def add_prediction_option(parser: argparse.ArgumentParser, default: bool | None = False) -> None:
    """Adds what lets a v-prediction and an epsilon checkpoint be mixed."""
    parser.add_argument(
        "--mix-predictions",
        action="store_true",
        default=default,
        help="mix a v-prediction and an epsilon checkpoint all the same; such a mix draws noise unless its whole "
        "UNet is one or the other's",
    )


def add_tagger_options(parser: argparse.ArgumentParser, without: str) -> None:
    """Adds which tagger reads the pictures.

    Args:
        parser: The command's.
        without: What holds where none is named.
    """
    parser.add_argument(
        "--tagger",
        metavar="NAME or DIR",
        help=f"a known tagger ({', '.join(KNOWN_TAGGERS)}), downloaded when it is first used, or the folder of any "
        f"({without})",
    )
    parser.add_argument("--threshold", type=float, help="probability from which a tag counts as found")


def form_of(options: argparse.Namespace) -> SaveOptions:
    """What they ask for."""
    return SaveOptions(options.number_type, vae=not options.no_vae, ema=not options.prune_ema)
