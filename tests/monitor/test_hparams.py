"""The table of hyper-parameters, as TensorBoard's own reader finds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ganlab.monitor.hparams import write_hparams


@pytest.mark.parametrize("success", [True, False])
def test_what_tensorboard_reads(success: bool, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

    write_hparams(tmp_path, {"init": "he", "lr": "2e-4", "fast": "true"}, {"best_score": 3.5}, success)
    read = EventAccumulator(str(tmp_path)).Reload()
    found = {}
    for tag, content in read.summary_metadata.items():
        if content.plugin_data.plugin_name == "hparams":
            found[tag] = plugin_data_pb2.HParamsPluginData.FromString(content.plugin_data.content)
    experiment, start, end = (
        found[f"_hparams_/{name}"] for name in ("experiment", "session_start_info", "session_end_info")
    )
    values = start.session_start_info.hparams
    assert (values["init"].string_value, values["lr"].number_value, values["fast"].bool_value) == ("he", 2e-4, True)
    assert [info.name for info in experiment.experiment.hparam_infos] == ["init", "lr", "fast"]
    columns = [info.name.tag for info in experiment.experiment.metric_infos]
    assert columns == ["result/best_score", "result/last_score", "result/images", "result/seconds"]
    ended = api_pb2.STATUS_SUCCESS if success else api_pb2.STATUS_FAILURE
    assert end.session_end_info.status == ended
    (scalar,) = read.Scalars("result/best_score") if "result/best_score" in read.Tags()["scalars"] else [None]
    value = scalar.value if scalar else read.Tensors("result/best_score")[0].tensor_proto.float_val[0]
    assert value == 3.5
