"""`make test-quick` finds the tests of a change."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.changed import ALWAYS, OTHERS, ROOT, matching


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in {
        "tests/losses/test_bce.py": "from ganlab.losses.bce import BCE",
        "tests/losses/test_losses.py": "from ganlab.losses.bce import BCE",
        "tests/losses/test_targets.py": "from ganlab.losses import Targets",
        "tests/networks/kernels/test_pooling.py": "",
        "tests/test_loading.py": "import ganlab.loading",
        "tests/test_trained.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        (["ganlab/losses/bce.py"], ["tests/losses/test_bce.py", "tests/losses/test_losses.py"]),
        (["ganlab/losses/new.py"], ["tests/losses"]),
        (["ganlab/losses/new.py", "ganlab/losses/bce.py"], ["tests/losses"]),
        (["ganlab/networks/kernels/pooling.py"], ["tests/networks/kernels/test_pooling.py"]),
        (["ganlab/loading.py"], ["tests/test_loading.py"]),
        (["ganlab/unknown.py"], []),
        (["tests/losses/test_targets.py"], ["tests/losses/test_targets.py"]),
        (["tests/losses/test_removed.py"], []),
        (["tests/losses/helper.py"], ["tests/losses"]),
        (["README.md"], []),
    ],
)
def test_matching_a_change(root: Path, changed: list[str], found: list[str]) -> None:
    assert matching(changed, root) == found


def test_the_named_tests_exist() -> None:
    named = [*ALWAYS, *(one for every in OTHERS.values() for one in every)]
    assert [one for one in named if not (ROOT / one).exists()] == []
