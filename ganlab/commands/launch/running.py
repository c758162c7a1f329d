"""status.json of a run that is being trained: its process, and its verdicts as soon as one begins or ends."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from ganlab.run_folder import RunFolder
from ganlab.training.observer import Observer
from ganlab.training.verdicts import Verdict


def save_running(folder: RunFolder, verdicts: Sequence[Mapping[str, Any]] = ()) -> None:
    """Writes the status ``running`` with the process that trains, and the verdicts that last. Raises OSError."""
    facts: dict[str, Any] = {"verdicts": [dict(one) for one in verdicts]} if verdicts else {}
    folder.save_status("running", pid=os.getpid(), host=socket.gethostname(), **facts)


class Status(Observer):
    """Writes the verdicts that last into status.json."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    def diagnosed(self, step: int, verdicts: Sequence[Verdict]) -> None:
        save_running(self.folder, [one.plain() for one in verdicts])
