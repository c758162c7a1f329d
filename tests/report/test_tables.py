from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import ganlab
from ganlab.errors import UserError
from ganlab.report.build import report_of
from ganlab.report.files import write
from ganlab.report.model import Report
from ganlab.report.reading.sweep import find_sweep
from ganlab.report.tables import as_csv, as_frame, effect_rows, group_rows, run_rows
from ganlab.report.text.latex import as_latex, escape
from ganlab.report.text.markdown import as_markdown
from ganlab.report.text.markdown_table import table
from ganlab.report.text.words import number, points
from tests.report.reading.test_sweep import sweep
from tests.report.synthetic import in_memory, lognormal, report_on, write_run


@pytest.fixture(scope="module")
def made() -> Report:
    return report_on(in_memory(lognormal(np.random.default_rng(1), {"norm=spectral": -0.5}, failing=0.1)))


def test_the_csv_has_a_row_for_each_run(made: Report) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(run_rows(made)))))
    assert len(rows) == 36
    assert rows[0]["init"] == "normal"
    assert {row["norm"] for row in rows} == {"batch", "spectral"}
    failed = next(row for row in rows if row["outcome"] == "diverged")
    assert failed["final_score"] == ""
    assert float(failed["score_with_failures"]) == pytest.approx(made.noise.value if made.noise else 0)


def test_tables_are_frames_with_pandas_and_lists_without(made: Report, monkeypatch: pytest.MonkeyPatch) -> None:
    pandas = pytest.importorskip("pandas")
    frame = as_frame(effect_rows(made.effects))
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame[frame.factor == "norm"].level) == ["spectral"]
    assert len(as_frame(group_rows(made.cells))) == 12
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert as_frame([{"a": 1}]) == [{"a": 1}]


def test_all_scores_stand_beside_each_other(tmp_path: Path) -> None:
    modes = {"he": (10.0, 9.0, 5.0), "normal": (1.0, 2.0, 6.0)}
    for init, values in modes.items():
        for seed, value in enumerate(values):
            write_run(
                tmp_path / f"{init}-{seed}", [f"init={init}", f"seed={seed}"], scores=(20.0, value), score="modes"
            )
    made = report_of(find_sweep(str(tmp_path)))
    for cell in made.cells:
        values = np.array(modes[cell.levels["init"]])
        assert cell.all_scores["modes"].mean == pytest.approx(values.mean())
        assert cell.all_scores["modes"].sd == pytest.approx(values.std(ddof=1))
        assert (cell.all_scores["kid"].n, cell.all_scores["kid"].mean) == (3, 1.0)
    row = f"| he | 1 ± 0 | {number(8.0)} ± {number(float(np.std(modes['he'], ddof=1)))} |"
    assert row in as_markdown(made)
    assert "| init | KID ↓ | number of modes ↑ |" in as_markdown(made)
    assert r"init & KID $\downarrow$ & number of modes $\uparrow$ \\" in as_latex(made)


def test_all_files_are_written_and_hold_the_same_numbers(made: Report, tmp_path: Path) -> None:
    paths = write(made, tmp_path / "report")
    assert {path.name for path in paths} == {"report.html", "report.md", "runs.csv", "effects.json", "tables.tex"}
    plain = json.loads((tmp_path / "report" / "effects.json").read_text())
    norm = next(one for one in plain["effects"] if one["factor"] == "norm")
    markdown = (tmp_path / "report" / "report.md").read_text()
    assert f"norm=spectral against batch | ×{number(norm['estimate'])} |" in markdown
    assert all(one["text"] in markdown for one in plain["sentences"])
    latex = (tmp_path / "report" / "tables.tex").read_text()
    assert f"norm & spectral & batch & {number(norm['estimate'])} &" in latex
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") == 2
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="type out=FOLDER"):
        write(made, tmp_path / "file")


def test_no_row_in_latex_begins_with_what_would_be_an_argument() -> None:
    tricks = ("[a_b,ema]", "[a_b]", "[ema]", "*")
    jobs = in_memory(lognormal(np.random.default_rng(1)), {"tricks": tricks}, modes=lambda made: 9 - float(made))
    latex = as_latex(report_on(jobs, score="modes"))
    rows = re.split(r"\\\\(?:\n|$)|\\(?:top|mid|bottom)rule", latex)
    assert len(rows) > 8
    assert not [row for row in rows if row.lstrip().startswith(("[", "*"))]
    assert r"{[}a\_b,ema]" in latex
    assert re.search(r"& \$-\$\d.*\\\\", latex), "negative numbers have a minus sign"


def test_a_table_in_latex_says_what_it_leaves_out() -> None:
    factors = {"init": tuple("abcdefg"), "norm": tuple("hijklm")}
    latex = as_latex(report_on(in_memory(lognormal(np.random.default_rng(1)), factors, 1)))
    assert "of each combination (the first 40 of 42): median" in latex


def test_groups_have_a_column_for_each_outcome() -> None:
    made = report_on(in_memory(lambda levels, _: 10.0 if levels["init"] == "he" else 100.0, {"init": ("he", "zero")}))
    assert [row["poor"] for row in group_rows(made.levels)] == [0, 3]


def test_a_caption_says_what_its_numbers_rest_on_and_can_be_referred_to() -> None:
    scores = ("kid", "precision", "recall", "density", "coverage", "modes", "good_share")
    jobs = in_memory(lognormal(np.random.default_rng(1)), **dict.fromkeys(scores, float))
    made = report_on(jobs)
    latex = as_latex(made)
    captions = re.findall(r"\\caption\{(.*)\}", latex)
    assert len(captions) == 4  # eight scores are in two tables
    assert all("3 seeds, 100 steps, scored as classifier-abcd." in one for one in captions)
    assert made.threshold is not None
    assert f"A run succeeded with FID at most {number(made.threshold.value)} (2 times the median" in captions[0]
    names = ("combinations", "scores", "scores-2", "effects")
    assert re.findall(r"\\label\{(.*)\}", latex) == [f"tab:init-norm-loss-{name}" for name in names]
    assert max(line.count(" & ") for line in latex.splitlines()) <= 7
    assert latex.count(r"\begin{adjustbox}{max width=\textwidth}") == latex.count(r"\end{adjustbox}") == 4
    assert r"\usepackage{booktabs,adjustbox}" in latex


def test_text_is_escaped() -> None:
    assert escape(r"a_b & 95 % of {x}\y × 3") == r"a\_b \& 95 \% of \{x\}\textbackslash{}y $\times$ 3"
    assert table(("a", "b"), [("x|y", "1")]) == "| a | b |\n| :-- | --: |\n| x\\|y | 1 |"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0"),
        (0.45123, "0.451"),
        (12.345, "12.3"),
        (1234.5, "1,234"),
        (123456.0, "123,456"),
        (2e-5, "2e-05"),
        (0.000123456, "0.000123"),
        (1e12, "1e+12"),
    ],
)
def test_numbers_are_readable(value: float | None, text: str) -> None:
    assert number(value) == text


def test_differences_of_shares_have_a_sign() -> None:
    assert [points(value) for value in (0.125, -1.0, 0.004, -0.004, None)] == ["+12", "-100", "0", "0", "–"]


def test_results_in_python_show_themselves(tmp_path: Path) -> None:
    results = ganlab.report(sweep(tmp_path))  # type: ignore[operator]
    assert len(results.runs) == 8
    assert len(results.effects) == 2
    assert results.sentences[0] in repr(results)
    assert results.sentences[0].split(" %")[0] in results._repr_html_()
    assert str(results).startswith("# init × norm")
    assert results.save(tmp_path / "report")
    assert (
        len(ganlab.report(tmp_path / "0-init-he+norm-batch+seed-0", tmp_path / "3-init-he+norm-none+seed-1").runs) == 2
    )  # type: ignore[operator]


def test_a_report_needs_no_torch(tmp_path: Path) -> None:
    code = "import sys, ganlab, ganlab.commands.report; ganlab.report(sys.argv[1]); import ganlab.report.model; ganlab.report(sys.argv[1]); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code, str(sweep(tmp_path))], check=False).returncode == 0
