"""The table of hyper-parameters, as TensorBoard's own reader finds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

from ganlab.monitor import TensorBoard
from ganlab.monitor.hparams import write_result

CHOSEN = {"init": "he", "lr": "2e-4", "fast": "true"}
SETTINGS = {"loss": {"name": "hinge"}, "norm": {"generator": {"layer": {"name": "batch"}}}, "steps": 5, "schedule": {}}


def in_events(folder: Path) -> dict[str, Any]:
    read = EventAccumulator(str(folder)).Reload()
    return {
        tag.removeprefix("_hparams_/"): plugin_data_pb2.HParamsPluginData.FromString(content.plugin_data.content)
        for tag, content in read.summary_metadata.items()
        if content.plugin_data.plugin_name == "hparams"
    }


def test_a_run_has_its_row_from_the_start(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path, "", (), CHOSEN, SETTINGS)
    board.started(0, 5)
    found = in_events(tmp_path)
    board.closed()
    assert set(found) == {"experiment", "session_start_info"}
    values = found["session_start_info"].session_start_info.hparams
    assert (values["init"].string_value, values["lr"].number_value, values["fast"].bool_value) == ("he", 2e-4, True)
    infos = {info.name: info.differs for info in found["experiment"].experiment.hparam_infos}
    assert [name for name, differs in infos.items() if differs] == list(CHOSEN)  # TensorBoard shows these first
    assert [name for name, differs in infos.items() if not differs] == ["loss", "norm.generator.layer", "steps"]
    assert values["norm.generator.layer"].string_value == "batch"
    columns = [info.name.tag for info in found["experiment"].experiment.metric_infos]
    assert columns == ["result/best_score", "result/last_score", "result/images", "result/seconds"]


def test_without_settings_there_is_no_row(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path, "")
    board.started(0, 5)
    board.closed()
    assert in_events(tmp_path) == {}


@pytest.mark.parametrize("success", [True, False])
def test_how_a_run_ended(success: bool, tmp_path: Path) -> None:
    write_result(tmp_path, {"best_score": 3.5}, success)
    found = in_events(tmp_path)
    ended = api_pb2.STATUS_SUCCESS if success else api_pb2.STATUS_FAILURE
    assert found["session_end_info"].session_end_info.status == ended
    (scalar,) = EventAccumulator(str(tmp_path)).Reload().Scalars("result/best_score")
    assert scalar.value == 3.5
