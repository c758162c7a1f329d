"""Observers of a training run: plain files, TensorBoard, its progress, and those of plugins.

A plugin registers the settings of its observer in ``OBSERVERS``.
"""

from ganlab.monitor.csv_file import CSV, CSVSetting
from ganlab.monitor.files import Files
from ganlab.monitor.mlflow_run import MLflowSetting
from ganlab.monitor.progress import Progress
from ganlab.monitor.settings import FilesSetting, ProgressSetting, TensorBoardSetting
from ganlab.monitor.tensorboard import TensorBoard
from ganlab.monitor.wandb_run import WandbSetting
from ganlab.table import Table
from ganlab.training.observer import ObserverSetting

OBSERVERS = Table[ObserverSetting](
    "observer",
    {
        "files": FilesSetting,
        "tensorboard": TensorBoardSetting,
        "progress": ProgressSetting,
        "csv": CSVSetting,
        "mlflow": MLflowSetting,
        "wandb": WandbSetting,
    },
)

__all__ = ["CSV", "OBSERVERS", "Files", "Progress", "TensorBoard"]
