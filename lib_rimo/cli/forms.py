"""The options of every command that writes a checkpoint: number type, VAE, EMA copies."""

from __future__ import annotations

import argparse

from lib_rimo.merging.form import NUMBER_TYPES, SaveForm


def add_form_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "--number-type", choices=tuple(NUMBER_TYPES), default="", help="default: the base's number types"
    )
    parser.add_argument("--no-vae", action="store_true", help="leave the VAE out")
    parser.add_argument("--prune-ema", action="store_true", help="leave the base's EMA copies out")


def form_of(options: argparse.Namespace) -> SaveForm:
    """What they ask for."""
    return SaveForm(options.number_type, vae=not options.no_vae, ema=not options.prune_ema)
