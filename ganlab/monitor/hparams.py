"""The row of a run in TensorBoard's HParams table: its settings from the start, and how it ended."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganlab.monitor.appended import Appended
from ganlab.monitor.dashboard.chart import Chart
from ganlab.monitor.dashboard.summaries import scalar
from ganlab.monitor.records import record

GROUP = "result"
ALWAYS = (
    "data",
    "generator",
    "discriminator",
    "loss",
    "init.generator",
    "init.discriminator",
    "norm.generator.layer",
    "norm.discriminator.layer",
    "norm.discriminator.weight",
    "optimizer.generator.lr",
    "optimizer.discriminator.lr",
    "schedule.n_critic",
    "batch_size",
    "steps",
    "seed",
)
"""The settings that every run shows, so that any two of them compare."""

MEANINGS = {
    "best_score": "The best FID or KID of the run (lower is better)",
    "last_score": "The last FID or KID of the run (lower is better)",
    "images": "The number of real images that D has seen",
    "seconds": "The seconds of training",
    "verdicts": "The number of verdicts that were given (0: healthy)",
}
METRICS = tuple(MEANINGS)
"""The results in the table."""

# As in tensorboard.plugins.hparams.metadata, which imports TensorBoard's stand-in for TensorFlow.
PLUGIN, VERSION = "hparams", 0
EXPERIMENT, STARTED, ENDED = (f"_hparams_/{name}" for name in ("experiment", "session_start_info", "session_end_info"))


def start_summaries(chosen: Mapping[str, str], settings: Mapping[str, Any]) -> list[Any]:
    """Returns the summaries that give a run its row from its beginning. The texts of the ``chosen`` settings, by key,
    are its first columns (numbers are sorted as numbers), then those of ``ALWAYS`` among all its ``settings``.

    All runs of a sweep need the same keys: TensorBoard takes the columns of the table from one of them.
    """
    from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

    shown = {key: value for key in ALWAYS if (value := _text(settings, key)) is not None} | dict(chosen)
    if not shown:
        return []
    values = {key: _value(text) for key, text in shown.items()}
    infos = [api_pb2.HParamInfo(name=key, type=_kind(value), differs=key in chosen) for key, value in values.items()]
    names = [api_pb2.MetricName(tag=f"{GROUP}/{name}") for name in METRICS]
    columns = [
        api_pb2.MetricInfo(name=name, display_name=name.tag.partition("/")[2].replace("_", " ")) for name in names
    ]
    now = time.time()
    start = plugin_data_pb2.SessionStartInfo(start_time_secs=now)
    for key, typed in values.items():
        start.hparams[key].CopyFrom(_protobuf(typed))
    experiment = api_pb2.Experiment(time_created_secs=now, hparam_infos=infos, metric_infos=columns)
    return [
        _summary(EXPERIMENT, experiment=experiment),
        _summary(STARTED, session_start_info=start),
    ]


def write_result(folder: Path, metrics: Mapping[str, float], success: bool) -> None:
    """Writes a file of events with the end of a run into its folder. ``metrics`` are those of ``METRICS`` that it has;
    without ``success`` the run is shown as failed. Raises OSError."""
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

    ended = api_pb2.STATUS_SUCCESS if success else api_pb2.STATUS_FAILURE
    now = time.time()
    end = plugin_data_pb2.SessionEndInfo(status=ended, end_time_secs=now)
    results = [
        scalar(Chart(GROUP, name, f"{MEANINGS[name]}, for the tab HParams."), value, first=True)
        for name, value in metrics.items()
    ]
    contents = [Summary(value=results), _summary(ENDED, session_end_info=end)]
    file = Appended(folder / f"events.out.tfevents.{now:017.6f}.{socket.gethostname()}.{os.getpid()}.hparams")
    try:
        events = [Event(file_version="brain.Event:2"), *(Event(summary=one) for one in contents)]
        for event in events:
            event.wall_time = now
            file.write(record(event.SerializeToString()))
    finally:
        file.close()


def _summary(tag: str, **content: Any) -> Any:
    """Returns the summary that the plugin of the table reads."""
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.plugins.hparams import plugin_data_pb2

    data = plugin_data_pb2.HParamsPluginData(version=VERSION, **content).SerializeToString()
    plugin = SummaryMetadata.PluginData(plugin_name=PLUGIN, content=data)
    return Summary(value=[Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=plugin))])


def _protobuf(value: str | float | bool) -> Any:
    from google.protobuf.struct_pb2 import Value

    if isinstance(value, bool):
        return Value(bool_value=value)
    return Value(number_value=value) if isinstance(value, float) else Value(string_value=value)


def _text(settings: Mapping[str, Any], key: str) -> str | None:
    """Returns the text of a setting, of a component its name; None if there is none."""
    value: Any = settings
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    if isinstance(value, Mapping):
        value = value.get("name")
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None


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
