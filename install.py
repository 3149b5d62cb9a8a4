"""Run by the WebUI at each start: installs what the extension needs and the WebUI lacks, in one pip call.

The WebUI's own pins are given to pip as constraints, so that it refuses rather than moves one of them.
"""

from __future__ import annotations

from pathlib import Path

import launch

# Importable name, what pip installs, what does not work without it.
REQUIREMENTS = (
    ("skopt", "scikit-optimize>=0.10.2,<0.11", "searching as the original's scripts or scikit-optimize do"),
    ("onnxruntime", "onnxruntime>=1.17", "the tagger that scores pictures"),
)

PINS = ("requirements_versions.txt", "requirements.txt")
"""Where WebUIs keep their pins: AUTOMATIC1111's, Forge and reForge in the first, Forge Neo and Classic in the second,
which the others have too, without versions."""


def main() -> None:
    """Installs what is missing, if anything is."""
    missing = [row for row in REQUIREMENTS if not launch.is_installed(row[0])]
    if not missing:
        return
    pins = next((file for name in PINS if (file := Path(launch.__file__).parent / name).is_file()), None)
    constraint = "" if pins is None else f' -c "{pins}"'
    wanted = " ".join(f'"{package}"' for _, package, _ in missing)
    try:
        launch.run_pip(f"install{constraint} {wanted}", "requirements of Random mix")
    except RuntimeError as error:
        lost = " and ".join(purpose for _, _, purpose in missing)
        print(  # noqa: T201 -- the WebUI shows what an installer prints
            f"Random mix: {lost} will not work, because pip could not install {wanted}. {error}"
        )


main()
