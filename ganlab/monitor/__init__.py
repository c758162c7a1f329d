"""Those who watch a training: TensorBoard, the progress bar, plain files."""

from ganlab.monitor.files import Files
from ganlab.monitor.progress import Progress
from ganlab.monitor.tensorboard import TensorBoard

__all__ = ["Files", "Progress", "TensorBoard"]
