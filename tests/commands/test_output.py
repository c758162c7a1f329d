"""Work that takes longer than a few seconds is announced; other work is not."""

from __future__ import annotations

import time

import pytest

from ganlab.commands.output import reported_when_slow


@pytest.mark.parametrize(("takes", "told"), [(0.0, ""), (0.3, "Loading PyTorch …\n")])
def test_slow_work_is_announced_while_it_runs(takes: float, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with reported_when_slow("Loading PyTorch", 0.1):
        time.sleep(takes)
        assert capsys.readouterr().err == told
    time.sleep(0.15)
    assert capsys.readouterr().err == ""
