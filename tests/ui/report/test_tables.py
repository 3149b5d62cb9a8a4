"""Table and figure to take away."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from lib_rimo.study.store.snapshot import Snapshot
from lib_rimo.ui.report.charts import curve_figure
from lib_rimo.ui.report.tables import category_csv, category_markdown, category_rows
from tests.ui.scripted import ScriptedService, result
from tests.ui.scripted_archive import FILES


def finished(folder: Path) -> Snapshot:
    """The scripted study, played to its end."""
    service = ScriptedService(folder, pace_s=0.001)
    options = service.options()["default"]
    service.start({"base": options["base"], "partners": options["partners"]})
    while service.snapshot().state.active:
        service.wait(service.snapshot().version, 10)
    return service.snapshot()


def test_csv_holds_the_numbers() -> None:
    """Each category is one row, whose deviation follows from its own columns within rounding."""
    rows = list(csv.DictReader(io.StringIO(category_csv(result()))))
    assert [r["category"] for r in rows] == ["all", "colour", "shape", "place", "size"]
    for row in rows:
        merged, parents = float(row["merged_percent"]), float(row["parents_percent"])
        assert abs(float(row["deviation_percent"]) - 100 * (merged - parents) / parents) < 0.05


def test_markdown_is_one_table() -> None:
    """Every line has as many cells as the head, and the whole comes first."""
    lines = category_markdown(result()).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| All tags | 68.4 % (67.2 to 69.6) |")


def test_page_rows_have_real_minus_signs() -> None:
    """A category that lost says so with a sign that screen readers know."""
    assert category_rows(result())[-1]["deviation"] == "\N{MINUS SIGN}1.8 %"


def test_the_figure_shows_each_trial_and_breaks_the_line_at_epochs(tmp_path: Path) -> None:
    """All trials are dots; each epoch has its own line, since each has its own prompts."""
    study = finished(tmp_path)
    axes = curve_figure(study).axes[0]
    assert len(axes.collections[0].get_offsets()) == study.trial == 24
    solid = [line for line in axes.lines if line.get_linestyle() == "-" and len(line.get_xdata()) > 1]
    assert [len(line.get_xdata()) for line in solid] == [12, 12]
    assert any(FILES[1] in t.get_text() for t in axes.get_legend().get_texts())


def test_an_empty_study_has_a_figure(tmp_path: Path) -> None:
    """A figure without trials is drawn, not refused."""
    curve_figure(Snapshot()).savefig(tmp_path / "empty.png")
    assert (tmp_path / "empty.png").stat().st_size > 1000
