"""Serves the page with the scripted study until interrupted: ``python -m tests.ui.scripted_server PORT FOLDER``."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from lib_rimo.ui.server.standalone import serve
from tests.ui.scripted import ScriptedService

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    port, folder, pace_s = int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    serve(ScriptedService(folder, pace_s=pace_s), port=port, open_browser=False)
