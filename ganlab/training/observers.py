"""The observers of a run together: one that fails is reported in a note, and training goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress

from ganlab.errors import UserError, in_one_line
from ganlab.training.observer import ObservedRun, Observer, ObserverSetting

log = logging.getLogger("ganlab")


def build_observers(chosen: Mapping[str, ObserverSetting], run: ObservedRun) -> list[Observer]:
    """Builds the chosen observers in order. One whose ``build`` raises another error than OSError and UserError is left
    out with a note."""
    observers = []
    for name, setting in chosen.items():
        try:
            observers.append(setting.build(run))
        except (OSError, UserError):
            raise
        except Exception as error:
            _note_left_out(name, error)
    return observers


class Observers:
    """The observers of a run, whose errors do not end training (see ``Observer``)."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers
        self._failing: set[int] = set()
        self._left_out: set[int] = set()

    def due_for_histograms(self, step: int) -> list[Observer]:
        """Returns the observers that take histograms after ``step`` steps."""
        return [one for one in self if one.histograms_every and step % one.histograms_every == 0]

    def due_for_graph(self) -> list[Observer]:
        """Returns the observers that take the graph of the networks."""
        return [one for one in self if one.wants_graph]

    def __iter__(self) -> Iterator[Observer]:
        return (observer for observer in self._observers if id(observer) not in self._left_out)

    def start(self, step: int, steps: int) -> None:
        """Calls ``started`` of each observer. Raises OSError if it cannot write its files from the start, and
        UserError."""
        for observer in self:
            try:
                observer.started(step, steps)
            except (OSError, UserError):
                raise
            except Exception as error:
                self._leave_out(observer, error)

    def notify(self, notification: Callable[[Observer], None], only: Sequence[Observer] | None = None) -> None:
        """Calls ``notification`` with each observer (of ``only`` these), and reports errors in notes."""
        for observer in list(self) if only is None else only:
            try:
                notification(observer)
            except OSError as error:
                if id(observer) not in self._failing:
                    what = type(observer).__name__
                    log.warning("note: %s could not be written (%s); training goes on", what, in_one_line(error))
                self._failing.add(id(observer))
            except Exception as error:
                self._leave_out(observer, error)
            else:
                self._failing.discard(id(observer))

    def _leave_out(self, observer: Observer, error: Exception) -> None:
        self._left_out.add(id(observer))
        _note_left_out(type(observer).__name__, error)
        with suppress(Exception):  # it may hold files
            observer.closed()


def _note_left_out(name: str, error: Exception) -> None:
    kind, reason = type(error).__name__, in_one_line(error).removeprefix(f"{type(error).__name__}: ")
    log.warning("note: the observer %s failed (%s: %s) and is left out; training goes on", name, kind, reason)
