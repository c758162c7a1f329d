"""What a person reads when something cannot run: one sentence, never a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake or a circumstance that the person can change, told in a sentence that says what to type instead."""


class Refused(UserError):
    """A configuration that cannot run, with everything that is wrong in it, one line for each problem."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(dict.fromkeys(problems))
        super().__init__("This configuration cannot run:\n" + "\n".join(f"  {problem}" for problem in self.problems))


class TrainingFailed(UserError):
    """Training began and could not go on; what had been saved is intact."""


class Diverged(TrainingFailed):
    """The numbers of a training grew out of range, after ``step``."""

    def __init__(self, sentence: str, step: int) -> None:
        super().__init__(sentence)
        self.step = step


# What PyYAML stumbles over besides its own errors where a value is not of its tag: 2026-99-99, `!!bool x`, `!!int ''`.
BAD_VALUE = (ValueError, LookupError, AttributeError, TypeError)


def in_one_line(error: BaseException) -> str:
    """What an error says, on one line; its kind too where that is not enough to understand it."""
    said = " ".join(str(error).split())
    kind = type(error).__name__
    return f"{kind}: {said}" if said and isinstance(error, LookupError | AttributeError) else said or kind


def nearest(word: str, options: Iterable[str]) -> str | None:
    """The option that is spelled most like ``word``, or None where nothing comes close."""
    by_folded = {option.lower().replace("-", "_"): option for option in options}
    matches = difflib.get_close_matches(word.lower().replace("-", "_"), by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None
