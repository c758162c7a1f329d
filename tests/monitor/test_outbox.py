"""Records reach a service in order, whatever it does meanwhile, and nobody waits for it."""

from __future__ import annotations

import threading

import pytest

from ganlab.monitor import outbox
from ganlab.monitor.outbox import Outbox


def test_records_are_sent_in_order() -> None:
    sent: list[int] = []
    box = Outbox()
    for number in range(100):
        box.put(lambda number=number: sent.append(number))
    assert box.close(60) == 0
    assert sent == list(range(100))


def test_a_failure_is_told_and_what_failed_is_sent_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "PAUSE", 0.01)
    broken, failed, sent = threading.Event(), threading.Event(), []
    broken.set()

    def send() -> None:
        if broken.is_set():
            failed.set()
            raise ConnectionError("no\nanswer")
        sent.append("first")

    box = Outbox()
    box.put(send)
    assert failed.wait(60)
    assert box.wait(60) == 1  # returns at once: it fails
    with pytest.raises(OSError, match=r"^no answer$"):
        box.put(lambda: sent.append("second"))
    broken.clear()
    with box._changed:
        assert box._changed.wait_for(lambda: not box._waiting, 60)
    box.put(lambda: sent.append("third"))  # no error any more
    assert box.close(60) == 0
    assert sent == ["first", "second", "third"]


def test_a_service_that_hangs_holds_nobody_up_and_pictures_do_not_pile_up() -> None:
    answer = threading.Event()
    box = Outbox()
    box.put(lambda: answer.wait(60) and None)
    for _ in range(2 * outbox.MOST_PICTURES):
        box.put(lambda: None, picture=True)
        box.put(lambda: None)
    assert box.close(0.01) == 1 + outbox.MOST_PICTURES + 2 * outbox.MOST_PICTURES
    answer.set()
