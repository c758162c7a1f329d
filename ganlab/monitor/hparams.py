"""The row of a run in TensorBoard's HParams table: what was typed for it, and how it ended."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganlab.monitor.appended import Appended

GROUP = "result"
METRICS = ("best_score", "last_score", "images", "seconds", "verdicts")
"""The results in the table: FID or KID (lower is better), reals that D has seen, seconds of training, and the number of
verdicts that were given (0: healthy)."""


def write_hparams(folder: Path, settings: Mapping[str, str], metrics: Mapping[str, float], success: bool) -> None:
    """Writes a file of events into a run folder. ``settings`` are the texts of the run's settings by key (numbers are
    sorted as numbers), ``metrics`` those of ``METRICS`` that it has; without ``success`` the run is shown as failed.
    Raises OSError.

    All runs of a sweep need the same keys: TensorBoard takes the columns of the table from one of them.
    """
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
    from tensorboard.summary.writer.record_writer import RecordWriter
    from torch.utils.tensorboard.summary import scalar

    values = {key: _value(text) for key, text in settings.items()}
    infos = [api_pb2.HParamInfo(name=key, type=_kind(value)) for key, value in values.items()]
    names = [api_pb2.MetricName(tag=f"{GROUP}/{name}") for name in METRICS]
    columns = [api_pb2.MetricInfo(name=name) for name in names]
    ended = api_pb2.STATUS_SUCCESS if success else api_pb2.STATUS_FAILURE
    now = time.time()
    start = plugin_data_pb2.SessionStartInfo(start_time_secs=now)
    for key, value in values.items():
        start.hparams[key].CopyFrom(_protobuf(value))
    experiment = api_pb2.Experiment(time_created_secs=now, hparam_infos=infos, metric_infos=columns)
    end = plugin_data_pb2.SessionEndInfo(status=ended, end_time_secs=now)
    summaries: list[Any] = [
        _summary(metadata.EXPERIMENT_TAG, experiment=experiment),
        _summary(metadata.SESSION_START_INFO_TAG, session_start_info=start),
        *(scalar(f"{GROUP}/{name}", value) for name, value in metrics.items()),
        _summary(metadata.SESSION_END_INFO_TAG, session_end_info=end),
    ]
    file = Appended(folder / f"events.out.tfevents.{now:017.6f}.{socket.gethostname()}.{os.getpid()}.hparams")
    try:
        events = [Event(file_version="brain.Event:2"), *(Event(summary=one) for one in summaries)]
        for event in events:
            event.wall_time = now
            RecordWriter(file).write(event.SerializeToString())
    finally:
        file.close()


def _summary(tag: str, **content: Any) -> Any:
    """Returns the summary that the plugin of the table reads."""
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    data = plugin_data_pb2.HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **content).SerializeToString()
    plugin = SummaryMetadata.PluginData(plugin_name=metadata.PLUGIN_NAME, content=data)
    return Summary(value=[Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin))])


def _protobuf(value: str | float | bool) -> Any:
    from google.protobuf.struct_pb2 import Value

    if isinstance(value, bool):
        return Value(bool_value=value)
    return Value(number_value=value) if isinstance(value, float) else Value(string_value=value)


def _value(text: str) -> str | float | bool:
    if text in ("true", "false"):
        return text == "true"
    try:
        return float(text)
    except ValueError:
        return text


def _kind(value: str | float | bool) -> Any:
    from tensorboard.plugins.hparams import api_pb2

    if isinstance(value, bool):
        return api_pb2.DATA_TYPE_BOOL
    return api_pb2.DATA_TYPE_FLOAT64 if isinstance(value, float) else api_pb2.DATA_TYPE_STRING
