"""Errors for the user: each is one sentence, printed without a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """A mistake or a circumstance that the user can change. Its message is a sentence with the remedy to type."""

    def _render_traceback_(self) -> list[str]:
        """Returns the lines that a notebook shows instead of a traceback through ganlab's own code."""
        kind = Refused if isinstance(self, Refused) else type(self)  # whose kinds differ in nothing to a caller
        return [f"{kind.__name__}: {self}"]


class Refused(UserError):
    """A configuration that cannot run. Its message lists all problems, one per line."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = list(dict.fromkeys(problems))
        super().__init__("This configuration cannot run:\n" + "\n".join(f"  {problem}" for problem in self.problems))

    @classmethod
    def because(cls, error: UserError) -> Refused:
        """Returns a refusal with the message of another error: of a file that is missing, for example."""
        refused = Refused([str(error)])
        refused.args = error.args
        return refused


class TrainingFailed(UserError):
    """Training began and could not continue; everything saved before is intact."""


class Diverged(TrainingFailed):
    """The training diverged after ``step``: its numbers went out of range."""

    def __init__(self, sentence: str, step: int) -> None:
        super().__init__(sentence)
        self.step = step


class Diagnosed(TrainingFailed):
    """The training was ended after ``step`` because of a verdict (``diagnosis.on_verdict=stop``)."""

    def __init__(self, sentence: str, step: int) -> None:
        super().__init__(sentence)
        self.step = step


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, or the stop button of a notebook, before the first step or pressed again: the sentence says what is left
    of the run."""

    def _render_traceback_(self) -> list[str]:
        """Returns the line that a notebook shows instead of a traceback through ganlab's own code."""
        return [f"KeyboardInterrupt: {self}"]


# Errors that PyYAML raises besides its own if a value does not match its tag: 2026-99-99, `!!bool x`, `!!int ''`.
BAD_VALUE = (ValueError, LookupError, AttributeError, TypeError)


def in_one_line(error: BaseException) -> str:
    """Returns an error's message on one line, with the error's type if the message alone is not clear."""
    said = " ".join(str(error).split())
    kind = type(error).__name__
    return f"{kind}: {said}" if said and isinstance(error, LookupError | AttributeError) else said or kind


def nearest(word: str, options: Iterable[str]) -> str | None:
    """Returns the option that is spelled most like ``word``, or None if none is similar."""
    by_folded = {option.lower().replace("-", "_"): option for option in options}
    matches = difflib.get_close_matches(word.lower().replace("-", "_"), by_folded, n=1, cutoff=0.6)
    return by_folded[matches[0]] if matches else None
