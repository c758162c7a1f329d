from __future__ import annotations

from ganlab.commands.evaluate import ORDER
from ganlab.score_names import BETTER


def test_every_score_has_a_direction_but_closer_which_is_005_for_real_images() -> None:
    assert set(ORDER) - set(BETTER) == {"closer"}
    assert set(BETTER) <= set(ORDER)
    assert [name for name, better in BETTER.items() if better == "lower"] == ["fid", "kid", "reverse_kl", "memorised"]
