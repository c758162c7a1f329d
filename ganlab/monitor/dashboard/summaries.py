"""The protocol buffers of TensorBoard: scalars, pictures, histograms and texts, with their descriptions."""

from __future__ import annotations

import io
from typing import Any

from ganlab.monitor.captions import to_image
from ganlab.monitor.dashboard.chart import Chart
from ganlab.monitor.grid import shrink
from ganlab.monitor.named_grid import Picture
from ganlab.training.observer import Histogram

LARGEST = 2048  # pixels of the longer side of a picture: TensorBoard loads all pictures of a page at once
HEAVIEST = 400_000  # bytes of a PNG; a larger picture becomes a JPEG, whose loss is hardly visible at quality 90
QUALITY = 90


def described(chart: Chart, plugin: str) -> Any:
    """Returns the metadata of a chart: the name that it is shown under, and its description in Markdown. TensorBoard
    takes them from the first summary of a tag in a run; without a data class, its server in Rust ignores them."""
    from tensorboard.compat.proto import summary_pb2
    from tensorboard.plugins.image.metadata import create_summary_metadata

    classes = {
        "scalars": summary_pb2.DATA_CLASS_SCALAR,
        "histograms": summary_pb2.DATA_CLASS_TENSOR,
        "images": summary_pb2.DATA_CLASS_BLOB_SEQUENCE,
    }
    found = summary_pb2.SummaryMetadata(plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name=plugin))
    if plugin == "images":  # whose metadata tells how the pictures are stored
        found.CopyFrom(create_summary_metadata(chart.name, chart.description, converted_to_tensor=True))
    found.display_name, found.summary_description = chart.name, chart.description
    found.data_class = classes[plugin]
    return found


def scalar(chart: Chart, value: float, first: bool) -> Any:
    """Returns a value of a curve; the ``first`` one describes the chart."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    found = Summary.Value(tag=chart.tag, simple_value=value)
    if first:
        found.metadata.CopyFrom(described(chart, "scalars"))
    return found


def image(chart: Chart, picture: Picture) -> Any:
    """Returns a picture, with at most ``LARGEST`` pixels a side."""
    from tensorboard.compat.proto.summary_pb2 import Summary

    if max(picture.pixels.shape) > LARGEST:
        picture = Picture(shrink(picture.pixels, LARGEST))
    _, height, width = picture.pixels.shape
    encoded = picture.png if len(picture.png) <= HEAVIEST else _jpeg(picture)
    content = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=encoded)
    return Summary.Value(tag=chart.tag, image=content, metadata=described(chart, "images"))


def histogram(chart: Chart, found: Histogram, first: bool) -> Any:
    """Returns a histogram; the ``first`` one describes the chart."""
    from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary

    content = HistogramProto(
        min=found.edges[0],
        max=found.edges[-1],
        num=sum(found.counts),
        bucket_limit=found.edges[1:],
        bucket=found.counts,
    )
    value = Summary.Value(tag=chart.tag, histo=content)
    if first:
        value.metadata.CopyFrom(described(chart, "histograms"))
    return value


def text(name: str, content: str) -> Any:
    """Returns the summary of a text in Markdown. (PyTorch's function makes the same one, but its module imports
    TensorBoard's stand-in for TensorFlow.)"""
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING
    from tensorboard.plugins.text.plugin_data_pb2 import TextPluginData

    data = SummaryMetadata.PluginData(plugin_name="text", content=TextPluginData(version=0).SerializeToString())
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
    tensor = TensorProto(dtype=DT_STRING, string_val=[content.encode()], tensor_shape=shape)
    value = Summary.Value(tag=f"{name}/text_summary", metadata=SummaryMetadata(plugin_data=data), tensor=tensor)
    return Summary(value=[value])


def _jpeg(picture: Picture) -> bytes:
    file = io.BytesIO()
    to_image(picture.pixels).save(file, "JPEG", quality=QUALITY, subsampling=0)
    return file.getvalue()
