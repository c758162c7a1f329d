"""The processes that run the jobs of a sweep side by side."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import ganlab
from ganlab.commands.launch.training_run import Outcome
from ganlab.commands.sweep.shares import Share
from ganlab.commands.sweep.task import Task
from ganlab.run_folder import RunFolder

MODULE = "ganlab.commands.sweep.worker"


class Worker:
    """A process that runs one task at a time, with its share of the machine. What its jobs print goes to ``log``."""

    def __init__(self, share: Share, log: Path) -> None:
        self.share, self.log = share, log
        self.process: subprocess.Popen[str] | None = None

    def run(self, task: Task) -> Outcome:
        """Runs a task and returns its outcome. If the process ends before that, the outcome is ``killed``, or what
        the job has written into its folder; the next task gets a new process."""
        process = self.process = self.process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(OSError):  # the process has ended: there is no answer then
            process.stdin.write(json.dumps(asdict(task)) + "\n")
            process.stdin.flush()
        if answer := process.stdout.readline():
            return Outcome(**json.loads(answer))
        code = process.wait()
        self.process = None
        return _outcome_of_death(RunFolder(task.folder), code, self.log)

    def _start(self) -> subprocess.Popen[str]:
        # The package's own folder comes first, so that a worker runs the same ganlab from any current folder. A
        # session of its own: Ctrl-C in the terminal reaches the process of the sweep alone, which passes it on once.
        package = str(Path(ganlab.__file__).resolve().parent.parent)
        paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, **self.share.environment(), "PYTHONPATH": os.pathsep.join(paths)}
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a", encoding="utf-8") as errors:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", MODULE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                env=environment,
                start_new_session=True,
            )

    def interrupt(self) -> None:
        """Stops the job as Ctrl-C does: it saves at the end of its step; the second time it ends at once."""
        if (process := self.process) is not None:
            with contextlib.suppress(OSError):
                process.send_signal(signal.SIGINT)

    def close(self) -> None:
        """Ends the process, which has no task."""
        if (process := self.process) is not None:
            with contextlib.suppress(OSError):
                assert process.stdin is not None
                process.stdin.close()
            process.wait()


def _outcome_of_death(folder: RunFolder, code: int, log: Path) -> Outcome:
    """Returns the outcome of a job whose process has ended with an exit code, and saves it."""
    status = folder.status()
    if status["status"] not in ("running", "unknown"):  # stopped before it could save, for instance
        return Outcome(status["status"], status["reason"], {k: v for k, v in status.items() if k == "exit_code"})
    if code < 0:
        name = signal.Signals(-code).name if -code in list(signal.Signals) else f"signal {-code}"
        hint = ", which a lack of memory causes too" if name == "SIGKILL" else ""
        reason = f"its process was ended by {name}{hint}"
    else:
        reason = f"its process ended with exit code {code}; its last output is in {log}"
    with contextlib.suppress(OSError):
        folder.save_status("killed", reason)
    return Outcome("killed", reason)


class Pool:
    """Runs tasks on one worker for each share. Iterate over it for ``(task, outcome)`` in the order in which they
    end; between them, every second, it yields None."""

    def __init__(self, shares: Sequence[Share], logs: Path) -> None:
        self.workers = [Worker(share, logs / f"{number}.log") for number, share in enumerate(shares)]
        self.running: dict[int, Task] = {}
        self.stopped = False

    def run(self, tasks: Sequence[Task]) -> Iterable[tuple[Task, Outcome] | None]:
        """Yields each task with its outcome. Raises KeyboardInterrupt after a signal, when all jobs have saved."""
        pending, ended = deque(tasks), queue.Queue[tuple[Task, Outcome]]()

        def work(worker: Worker) -> None:
            while not self.stopped:
                try:
                    task = pending.popleft()
                except IndexError:
                    break
                self.running[task.number] = task
                outcome = worker.run(task)
                del self.running[task.number]
                ended.put((task, outcome))
            if not self.stopped:
                worker.close()

        threads = [threading.Thread(target=work, args=(worker,), daemon=True) for worker in self.workers]
        for thread in threads:
            thread.start()
        stop: KeyboardInterrupt | None = None
        while any(thread.is_alive() for thread in threads) or not ended.empty():
            try:
                try:
                    yield ended.get(timeout=1.0)
                except queue.Empty:
                    yield None
            except KeyboardInterrupt as signalled:
                stop, self.stopped = signalled, True
                for worker in self.workers:
                    worker.interrupt()
        for worker in self.workers:
            worker.close()
        if stop is not None:
            raise stop
