from __future__ import annotations

from pathlib import Path

from ganlab.report.build import report_of
from ganlab.report.reading.sweep import find_sweep
from tests.report.synthetic import write_run


def test_scores_at_equal_budgets_are_those_that_were_reached_by_then(tmp_path: Path) -> None:
    """n_critic=5 sees five times as many images in a step."""
    for seed in (0, 1):
        write_run(tmp_path / f"{seed}-a", ["n=1", f"seed={seed}"], scores=[40.0, 30.0, 20.0])
        run = write_run(
            tmp_path / f"{seed + 2}-b", ["n=5", f"seed={seed}"], scores=[35.0, 15.0, 10.0],
            config={"schedule": {"n_critic": 5}},
        )  # fmt: skip
        metrics = "".join(f'{{"step": {step}, "progress/images": {5 * 64 * step}}}\n' for step in (500, 1000, 1500))
        (run / "metrics.jsonl").write_text(metrics)
    found = report_of(find_sweep(str(tmp_path)))
    medians = {(one.kind, one.level): (one.amount, one.scores.n, one.scores.median) for one in found.budgets}
    assert medians == {
        ("images", "1"): (96_000, 2, 20.0), ("images", "5"): (96_000, 0, None),  # scored first after 160,000
        ("d_updates", "1"): (1500, 2, 20.0), ("d_updates", "5"): (1500, 0, None),
    }  # fmt: skip
    assert [point.d_updates for point in found.runs[2].curve] == [2500, 5000, 7500]


def test_equal_budgets_need_no_table(tmp_path: Path) -> None:
    for number in range(4):
        write_run(tmp_path / str(number), [f"a={number % 2}", f"seed={number // 2}"])
    assert report_of(find_sweep(str(tmp_path))).budgets == ()
