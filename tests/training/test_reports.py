"""Reports of samples, the inspection and histograms, and the speed of training between them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ganlab.training import reports
from ganlab.training.observer import Observer, Samples
from ganlab.training.reports import Speed
from ganlab.training.trainer import Trainer

Make = Callable[..., Trainer]


class Recorder(Observer):
    """Records what it is notified of."""

    histograms_every = 2

    def __init__(self) -> None:
        self.samples: list[Samples] = []
        self.others: list[str] = []

    def sampled(self, step: int, samples: Samples) -> None:
        self.samples.append(samples)

    def inspected(self, step: int, inspection: Any) -> None:
        self.others.append("inspected")

    def measured(self, step: int, histograms: Any) -> None:
        self.others.append(f"measured {step}")


def test_speed_counts_the_images_since_it_was_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=10.0)
    monkeypatch.setattr(reports.time, "perf_counter", lambda: clock.now)
    feed: Any = SimpleNamespace(drawn=100)
    speed = Speed(feed)
    feed.drawn, clock.now = 400, 12.0
    assert speed.images_per_second() == (400 - 100) / (12.0 - 10.0)
    clock.now = 50.0  # a checkpoint is written
    speed.restart()
    feed.drawn, clock.now = 440, 54.0
    assert speed.images_per_second() == (440 - 400) / (54.0 - 50.0)


def test_real_images_come_with_the_first_samples_alone(make_trainer: Make) -> None:
    recorder = Recorder()
    trainer = make_trainer((recorder,))
    trainer.reports.samples(0)
    trainer.reports.samples(1)
    assert [sorted(one.images) for one in recorder.samples] == [["generator", "real"], ["generator"]]


def test_histograms_come_when_an_observer_takes_them(make_trainer: Make) -> None:
    recorder = Recorder()
    trainer = make_trainer((recorder,))
    for step in range(4):
        trainer.reports.histograms(step, step / 4)
    assert recorder.others == ["measured 0", "measured 2"]


def test_an_inspection_that_fails_is_told_and_left_out(make_trainer: Make, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*_: Any) -> Any:
        raise ValueError("no such layer")

    recorder = Recorder()
    trainer = make_trainer((recorder,))
    trainer.reports.inspect = trainer.reports.measure = broken
    with caplog.at_level(logging.WARNING, logger="ganlab"):
        trainer.reports.inspection(0)
        trainer.reports.histograms(0, 0.0)
        trainer.reports.histograms(2, 0.5)
    assert recorder.others == []
    assert caplog.text.count("ValueError: no such layer") == 2, "histograms are given up after the first failure"
