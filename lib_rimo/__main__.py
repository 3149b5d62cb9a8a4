"""``python -m lib_rimo``, the same as ``rimo``."""

from __future__ import annotations

import sys

from lib_rimo.cli import main

if __name__ == "__main__":
    sys.exit(main())
