"""Records of event files, against published checksums and TensorBoard's own writer."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
from tensorboard.plugins.hparams import metadata
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard.summary import text as text_of_pytorch

from ganlab.monitor import hparams
from ganlab.monitor.dashboard import summaries
from ganlab.monitor.records import LANES, SHORT, crc32c, record


@pytest.mark.parametrize(
    ("data", "checksum"),
    [
        (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C), (b"123456789", 0xE3069283), (b"", 0),
    ],
    ids=["zeros", "ones", "up", "down", "digits", "nothing"],
)  # fmt: skip
def test_checksums_are_those_of_rfc_3720(data: bytes, checksum: int) -> None:
    assert crc32c(data) == checksum


@pytest.mark.parametrize("size", [0, 1, SHORT - 1, SHORT, SHORT + 1, 3 * LANES, 3 * LANES * 8 + 5, 70_001])
def test_records_are_those_of_tensorboard(size: int) -> None:
    data = np.random.default_rng(size).bytes(size)
    file = io.BytesIO()
    RecordWriter(file).write(data)
    assert record(data) == file.getvalue()


def test_texts_and_tags_are_those_of_tensorboard() -> None:
    assert summaries.text("guide", "*a* ü").SerializeToString() == text_of_pytorch("guide", "*a* ü").SerializeToString()
    theirs = SimpleNamespace(**vars(metadata))
    assert (hparams.PLUGIN, hparams.VERSION) == (theirs.PLUGIN_NAME, theirs.PLUGIN_DATA_VERSION)
    assert (hparams.EXPERIMENT, hparams.STARTED, hparams.ENDED) == (
        theirs.EXPERIMENT_TAG, theirs.SESSION_START_INFO_TAG, theirs.SESSION_END_INFO_TAG,
    )  # fmt: skip
