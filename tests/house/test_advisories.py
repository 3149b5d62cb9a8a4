"""Which public advisories each set of pins has: the standalone program's hardly any, the WebUIs' what they dictate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from packaging.version import Version

REQUIREMENTS = Path(__file__).resolve().parents[2] / "requirements"
KNOWN = json.loads((REQUIREMENTS / "advisories.json").read_text(encoding="utf-8"))["advisories"]

UP_TO_PILLOW = ("CVE-2026-40192", "CVE-2026-59199", "CVE-2026-59200", "CVE-2026-112403")
OF_TRANSFORMERS = ("CVE-2024-11392", "CVE-2024-11394", "PYSEC-2025-212", "PYSEC-2025-213", "PYSEC-2025-217")
OF_PAGES = (
    "CVE-2024-47167", "CVE-2024-47867", "CVE-2024-47874", "CVE-2024-48052", "CVE-2026-40347", "CVE-2026-53540",
    "CVE-2026-59806", "PYSEC-2025-118", "PYSEC-2026-2178", "PYSEC-2026-2179", "PYSEC-2026-249", "PYSEC-2026-65",
    "PYSEC-2026-66",
)  # fmt: skip
HAS: dict[str, tuple[str, ...]] = {
    "standalone": (
        "CVE-2026-112403",
    ),  # gradio takes Pillow below 13; a damaged JPEG would have to be opened
    "forge": (*OF_PAGES, *OF_TRANSFORMERS, *UP_TO_PILLOW),
    "a1111": (
        "CVE-2023-29159",
        "CVE-2023-51449",
        "CVE-2023-6572",
        *OF_PAGES,
        *OF_TRANSFORMERS,
        *UP_TO_PILLOW,
    ),
}
"""Set -> what is known of it. A WebUI's packages are the WebUI's to renew; inside it nothing of ours replaces them."""


def pinned(name: str) -> list[tuple[str, Version]]:
    """Packages of a set with their versions; several where Pythons differ."""
    lines = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split(";")[0].split("==") for line in lines)
    return [(package.strip(), Version(version.strip())) for package, version in pairs]


@pytest.mark.parametrize("name", HAS)
def test_advisories_of_a_set(name: str) -> None:
    """What the pins have is what is written down here, no more and no less."""
    found = {
        id_
        for package, version in pinned(name)
        for of, id_, mended, last in KNOWN
        if of == package and (version < Version(mended) if mended else version <= Version(last))
    }
    assert found == set(HAS[name])
