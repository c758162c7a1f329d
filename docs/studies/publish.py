"""Writes the page of a study from the runs of its sweep.

    python docs/studies/publish.py outputs/multirun/DATE/TIME

makes or replaces the folder ``docs/studies/NAME`` (NAME as in ``study=NAME``): README.md with the question, the
command, what was found and the tables; the figures of the report; and the picture grid. Every number comes from the
runs. Remarks of a person on these numbers are in ``docs/studies/NAME/remarks.md``, and follow the sentences.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from ganlab.report.build import report_of  # noqa: E402
from ganlab.report.files import write  # noqa: E402
from ganlab.report.model import Report  # noqa: E402
from ganlab.report.page.gallery import gallery  # noqa: E402
from ganlab.report.reading.sweep import find_sweep  # noqa: E402
from ganlab.report.text.markdown import as_markdown  # noqa: E402

FIGURES = ("together-", "effects-", "outcomes-")
"""The beginnings of the names of the figures that a page shows, in this order."""


def question_of(name: str) -> str:
    """Returns the question of a study: the comment at the head of its file."""
    lines = (HERE.parents[1] / "configs" / "study" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    comment = [line.removeprefix("#").strip() for line in lines if line.startswith("#") and "@package" not in line]
    words = [line for line in comment if not line.startswith("python ")]
    return " ".join(words).strip()


def publish(sweep: str) -> Path:
    """Writes the page of the study that ``sweep`` ran, and returns its path."""
    report = report_of(find_sweep(sweep))
    named = [found[1] for command in report.origin.commands if (found := re.search(r"study=(\w+)", command))]
    if not named:
        sys.exit(f"{sweep}: it was not started by study=NAME; start the study with python train.py study=NAME")
    folder = HERE / named[0]
    folder.mkdir(exist_ok=True)
    shown = replace(report, title=f"{named[0]}: {report.title}", folder="SWEEP")
    head, rest = as_markdown(shown).replace(str(report.folder), "SWEEP").split("\n## Outcomes", 1)
    remarks = folder / "remarks.md"
    with tempfile.TemporaryDirectory() as name:
        made = Path(name)
        write(report, made)
        for old in folder.glob("*.svg"):
            old.unlink()
        figures = [
            file for start in FIGURES for file in sorted((made / "figures").glob(f"{start}*.svg"))
            if "success" not in file.name
        ]  # fmt: skip
        for file in figures:
            shutil.copyfile(file, folder / file.name)
        if (made / "pictures.png").exists():
            shutil.copyfile(made / "pictures.png", folder / "pictures.png")
    parts = [
        head.replace("\n\n", f"\n\n{question_of(named[0])}\n\n", 1),
        remarks.read_text(encoding="utf-8").strip() if remarks.exists() else "",
        "\n\n".join(f"![{file.stem.replace('-', ' ')}]({file.name})" for file in figures),
        "![Samples of the same latents](pictures.png)" if (folder / "pictures.png").exists() else "",
        _caption(report),
        f"## Outcomes{rest}",
    ]
    page = folder / "README.md"
    page.write_text("\n\n".join(part.strip() for part in parts if part) + "\n", encoding="utf-8")
    _show_in_readme(named[0], [one.text for one in report.sentences if one.kind != "unknown"])
    return page


def _caption(report: Report) -> str:
    """Returns a sentence on the runs in the picture grid."""
    made = gallery(report, lambda run: run.folder)
    if made is None:
        return ""
    fixed = "".join(f", {key}={level}" for key, level in made.fixed.items())
    return f"Samples of the same latents at step {made.step}: {made.rows} × {made.columns}{fixed}."


def _show_in_readme(name: str, sentences: list[str]) -> None:
    """Replaces what the README of the project shows of a study, between two comments with its name."""
    readme = HERE.parents[1] / "README.md"
    text = readme.read_text(encoding="utf-8")
    start, end = f"<!-- study {name} -->", f"<!-- end of study {name} -->"
    if start not in text or end not in text:
        return
    maps = sorted((HERE / name).glob("together-*-score.svg"))
    shown = next((one for one in maps if "init-norm" in one.name), maps[0] if maps else None)
    picture = f"![Scores of pairs of choices](docs/studies/{name}/{shown.name})" if shown else ""
    lines = "\n".join(f"- {one}" for one in sentences[:3])
    before, after = text.split(start)[0], text.split(end)[1]
    readme.write_text(f"{before}{start}\n{lines}\n\n{picture}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(publish(sys.argv[1]))
