"""Settings that could not work are told at their field, before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from lib_rimo.errors import SettingsError
from lib_rimo.hosts.host import DrawingProgram
from lib_rimo.merging.checkpoints.families import FAMILIES
from lib_rimo.merging.mix.partition import load_partition
from lib_rimo.study.analysis.block_labels import Network, network_of, parts_of, usual_network
from lib_rimo.study.settings.checks import check_possible
from lib_rimo.study.settings.settings import StudySettings


class Samplers:
    """All that the check asks of a host."""

    def samplers(self) -> tuple[str, ...]:
        """Two of them."""
        return ("Euler", "DDIM")

    def schedulers(self) -> tuple[str, ...]:
        """Two as well."""
        return ("Automatic", "Karras")


HOST = cast("DrawingProgram", Samplers())


def settings(**values: Any) -> StudySettings:
    """Of some study."""
    return StudySettings.from_mapping({"base": "a", "partners": ["b"], **values})


@pytest.mark.parametrize(
    "values",
    [
        {"width": 65},
        {"height": 8192},
        {"steps": 151},
        {"cfg": 31.0},
        {"budget": 2_000_000},
        {"seed": 2**60},
        {"tags": (2, 151)},
        {"bounds": (-11.0, 1.0)},
        {"sampler": "Oiler"},
        {"scheduler": "Caras"},
        {"strategy": "foo"},
        {"partition": "foo"},
        {"partition": "nowhere.json"},
        {"frozen": ("nope",)},
        {"frozen": ("in12",), "partition": "theater"},
        {"pool": 10**9},
        {"checked": 10**9},
        {"partners_per_epoch": 10**9},
        {"epochs": 5000, "budget": 900_000},
        {"catalogue": Path("nowhere.csv")},
        {"catalogue": Path("notes.txt")},
    ],
)
def test_what_could_not_work_names_its_field(values: dict[str, Any]) -> None:
    """Slips of the finger, sizes that nothing draws, and what is not there."""
    with pytest.raises(SettingsError) as caught:
        check_possible(settings(**values), HOST)
    assert caught.value.field == next(iter(values))


def test_blocks_beyond_the_usual_ones_may_be_frozen() -> None:
    """Where every block is a group of its own, a deeper model has more of them than are listed."""
    check_possible(settings(partition="mbw", frozen=("in00", "out11", "in14", "vae")), HOST)
    for name in ("in1x", "inn3", "mid2"):
        with pytest.raises(SettingsError, match="No such block group"):
            check_possible(settings(partition="mbw", frozen=(name,)), HOST)


def test_a_file_of_tags_is_read_anew_when_it_changed(tmp_path: Path) -> None:
    """A damaged one is told, the corrected one passes; nothing of a file of another kind is shown."""
    file = tmp_path / "tags.csv"
    file.write_text("name\none\n")
    with pytest.raises(SettingsError, match="category"):
        check_possible(settings(catalogue=file), HOST)
    file.write_text("name,category\none,thing\n")
    check_possible(settings(catalogue=file, sampler="Euler", width=64, height=72), HOST)
    secret = tmp_path / "secret"
    secret.write_text("hidden words\n")
    with pytest.raises(SettingsError) as caught:
        check_possible(settings(catalogue=secret), HOST)
    assert "hidden" not in str(caught.value)


def test_block_groups_lie_where_the_architecture_has_them() -> None:
    """SDXL has nine blocks on each side, SD 1 twelve; an unknown file is taken for the usual."""
    theater = load_partition("theater")
    sdxl = FAMILIES["sdxl-base"]
    assert parts_of(theater.groups, theater, Network(sdxl, sdxl.blocks))["out3+"]["output"] == [
        3,
        4,
        5,
        6,
        7,
        8,
    ]
    assert parts_of(theater.groups, theater)["in8+"]["input"] == [8, 9, 10, 11]
    assert network_of(None) == network_of(Path("gone.safetensors")) == usual_network()
