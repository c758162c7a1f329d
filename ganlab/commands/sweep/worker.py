"""A process that runs jobs of a sweep one after another: ``python -m ganlab.commands.sweep.worker``.

It reads a task per line from stdin, as JSON, and answers with its outcome on stdout. Whatever the jobs print goes to
stderr. When stdin ends in the middle of a job, the process of the sweep was killed: the job is then stopped, and saved.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from dataclasses import asdict
from typing import Any, TextIO

from ganlab.commands.sweep.task import Task, run_task
from ganlab.commands.terminal.output import write_out_odd_letters


def main() -> None:
    """Runs the tasks of stdin until it ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    write_out_odd_letters()
    tasks: queue.Queue[dict[str, Any] | None] = queue.Queue()
    busy = threading.Event()
    threading.Thread(target=_read, args=(sys.stdin, tasks, busy), daemon=True).start()
    while (content := tasks.get()) is not None:
        busy.set()
        task: dict[str, Any] = {**content, **{key: tuple(content[key]) for key in ("overrides", "changes")}}
        outcome = run_task(Task(**task))
        busy.clear()
        answers.write(json.dumps(asdict(outcome), default=str) + "\n")
        answers.flush()


def _read(lines: TextIO, tasks: queue.Queue[dict[str, Any] | None], busy: threading.Event) -> None:
    """Puts each task of ``lines`` into the queue, and None at their end."""
    for line in lines:
        tasks.put(json.loads(line))
    if busy.is_set():
        os.kill(os.getpid(), signal.SIGTERM)
    tasks.put(None)


if __name__ == "__main__":
    main()
