"""The command line: a composition root beside the WebUI script, and nothing else."""

from lib_rimo.cli.program import main

__all__ = ["main"]
