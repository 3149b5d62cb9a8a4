"""Command line: ``python -m tools.toy_family <stage>|all --seed N --out DIR``."""

from __future__ import annotations

import argparse
import importlib
import logging
from pathlib import Path

STAGES = {
    "scenes": "scenes",
    "taggers": "tagger",
    "vae": "vae",
    "base": "diffusion",
    "specialists": "specialists",
    "export": "export",
    "measure": "measure",
}
"""Stage name to the module whose ``stage(out, seed)`` runs it; the order of ``all``."""
FURTHER = {"shipped": "shipped", "next": "next_family", "lora": "lora"}
"""Stages that are asked for by their names only: take the networks that ship, train the next family from them, write
LoRA files."""


def main() -> None:
    """Run one stage or all of them."""
    parser = argparse.ArgumentParser(prog="python -m tools.toy_family", description=__doc__)
    parser.add_argument("stage", choices=[*STAGES, *FURTHER, "all"])
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True, help="folder of the intermediate results")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    arguments.out.mkdir(parents=True, exist_ok=True)
    wanted = list(STAGES) if arguments.stage == "all" else [arguments.stage]
    for name in wanted:
        importlib.import_module(f"tools.toy_family.{(STAGES | FURTHER)[name]}").stage(
            arguments.out, arguments.seed
        )


if __name__ == "__main__":
    main()
