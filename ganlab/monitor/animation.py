"""Animations: GIF files by Pillow, MP4 files by ffmpeg, if it is installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from ganlab.errors import UserError

SUFFIXES = (".gif", ".mp4")


def check(path: Path) -> None:
    """Checks that a file with this suffix can be written. Raises UserError if ffmpeg is needed and missing."""
    if path.suffix.lower() == ".mp4" and _ffmpeg() is None:
        raise UserError(
            f"{path}: an MP4 needs the program ffmpeg, which is not here; type pip install imageio-ffmpeg, or a name "
            "that ends in .gif"
        )


def save(frames: Sequence[Tensor], path: Path, rate: float) -> None:
    """Writes frames (3, height, width) uint8 of equal size, ``rate`` per second, to a ``.gif`` that repeats for ever,
    or to an ``.mp4``. Raises UserError if ffmpeg is missing or fails, and OSError."""
    check(path)
    if path.suffix.lower() == ".mp4":
        _save_mp4(frames, path, rate)
        return
    pictures = [Image.fromarray(frame.permute(1, 2, 0).contiguous().numpy()) for frame in frames]
    if all(bool((frame == frame[:1]).all()) for frame in frames):
        pictures = [picture.convert("L") for picture in pictures]  # the 256 colours of a GIF hold all greys exactly
    # The unit of GIF is 1/100 s, and viewers replace durations below 2 units by 10.
    duration = max(round(100 / rate), 2) * 10
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=duration, loop=0)


def _ffmpeg() -> str | None:
    """Returns the path of the program ffmpeg, or None."""
    if find_spec("imageio_ffmpeg") is not None:
        import imageio_ffmpeg  # type: ignore[import-untyped]

        try:
            return str(imageio_ffmpeg.get_ffmpeg_exe())
        except RuntimeError:  # the package is installed without the program
            pass
    return shutil.which("ffmpeg")


def _save_mp4(frames: Sequence[Tensor], path: Path, rate: float) -> None:
    program = _ffmpeg()
    assert program is not None
    # The pixel format that every player decodes (yuv420p) stores colours at half resolution: both sides must be even.
    height, width = (side + side % 2 for side in frames[0].shape[1:])
    command = [
        program, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}",
        "-r", f"{rate:g}", "-i", "-", "-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p", "-movflags", "+faststart",
        str(path.absolute()),
    ]  # fmt: skip
    padded = [F.pad(one, (0, width - one.shape[2], 0, height - one.shape[1]), value=255) for one in frames]
    raw = b"".join(frame.permute(1, 2, 0).contiguous().numpy().tobytes() for frame in padded)
    ended = subprocess.run(command, input=raw, capture_output=True, check=False)
    if ended.returncode:
        path.unlink(missing_ok=True)
        reason = " ".join(ended.stderr.decode(errors="replace").split()[-30:])
        raise UserError(f"{path}: ffmpeg could not write it ({reason}); type a name that ends in .gif")
