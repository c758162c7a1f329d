"""Work that takes longer than a few seconds is announced; other work is not."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from ganlab.commands.terminal.output import reported_when_slow


@pytest.mark.parametrize(("takes", "told"), [(0.0, ""), (0.3, "Loading PyTorch …\n")])
def test_slow_work_is_announced_while_it_runs(takes: float, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with reported_when_slow("Loading PyTorch", 0.1):
        time.sleep(takes)
        assert capsys.readouterr().err == told
    time.sleep(0.15)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("words", [[], ["sample"], ["train"]])
def test_a_reader_may_leave(words: list[str]) -> None:
    """As in ``ganlab --help | true``: no traceback."""
    code = f"import sys; sys.argv = {['ganlab', *words, '--help']}; import ganlab.commands; ganlab.commands.main()"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert "BrokenPipe" not in done.stderr
    assert done.returncode == 0
