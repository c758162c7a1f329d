"""Reads weights from files, as tensors by name. No file can run code: safetensors files contain tensors only, and
PyTorch's files are read with its reader that accepts tensors only (``weights_only``)."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import Tensor

from ganlab.errors import UserError, in_one_line
from ganlab.layer import Layer, as_matrix
from ganlab.tree_file import BROKEN, MARK, SUFFIX, step_of, tree_of

PARTS = ("generator", "discriminator")
PARAMETRIZATION = ".parametrization."
HOW = "type the path of a run folder, of a ganlab checkpoint, or of a .safetensors or .pth file of weights"

# Parts of PyTorch's names, and the names that ganlab uses for them.
RENAMED = {".running_var": ".running_variance"}


@dataclass
class Weights:
    """The tensors of a network by name. ``source`` names the file in messages; ``parametrization`` is the setting of
    the weight parametrization with which they were trained."""

    source: str
    tensors: dict[str, Tensor]
    parametrization: Mapping[str, Any] = field(default_factory=dict)

    def applied(self, layer: Layer) -> Tensor:
        """Returns the weight that the trained layer applied: its stored weight after its parametrization (spectral:
        Miyato et al. 2018, Eq. 8; weight norm: Salimans & Kingma 2016, Eq. 2; equalized: Karras et al. 2018, section
        4.1).

        Raises UserError if its parametrization is unknown here, or if its tensors do not fit together.
        """
        try:
            return self._applied(layer)
        except (RuntimeError, ValueError, TypeError) as error:  # sizes that do not fit this layer
            raise UserError(
                f"{self.source}: the weight that {layer.name} applied cannot be computed from the tensors in the "
                f"file ({in_one_line(error)}); type another init.….path"
            ) from error

    def _applied(self, layer: Layer) -> Tensor:
        stored = self.tensors[f"{layer.name}.weight"]
        prefix = f"{layer.name}{PARAMETRIZATION}"
        of = {name.removeprefix(prefix): t.float() for name, t in self.tensors.items() if name.startswith(prefix)}
        name = self.parametrization.get("name", "none")
        weight = stored.float()
        matrix = as_matrix(weight, layer.kind)
        if of.keys() == {"u", "v"}:
            floor = float(self.parametrization.get("floor", 1e-6))
            return weight.div(torch.dot(of["u"], matrix.mv(of["v"])).clamp_min(floor))
        if of.keys() == {"g"}:
            shape = [1] * weight.dim()
            shape[1 if layer.stored_transposed else 0] = -1
            return weight.mul((of["g"] / matrix.norm(dim=1).clamp_min(1e-12)).view(shape))
        if of.keys() == {"scale"}:
            return weight.mul(of["scale"])
        if not of and name in ("none", "spectral", "weight"):  # these two store tensors in each of their layers
            return stored
        raise UserError(
            f"{self.source}: {layer.name} was trained with norm.…weight={name}, and the weight that it "
            "applied cannot be computed from the tensors in the file; start from a run without a weight "
            "parametrization, or with spectral or "
            "weight normalization"
        )


def check(path: Path, weights: str) -> None:
    """Checks that ``path`` contains weights, without reading them. Raises UserError if it does not."""
    file = _file(path)
    if not _is_pytorch(file):
        with _opened(file) as opened:
            header = _header(file, opened)
            names = opened.keys()
        if header is not None and not any(name.startswith(f"/{part}/network/") for name in names for part in PARTS):
            raise UserError(f"{file} contains neither a generator nor a discriminator; {HOW}")
        if weights == "average" and not any(name.startswith("/generator/average/") for name in names):
            raise UserError(
                f"{file} holds no average of G's weights; type init.generator.weights=auto "
                "init.discriminator.weights=auto"
            )


def read(path: Path, part: str, weights: str) -> Weights:
    """Reads the weights of a network, which is ``part`` of a ganlab checkpoint: its ``average``, its own weights
    (``network``), or ``auto``, the average if there is one. Raises UserError if the file is not readable or does not
    contain the part."""
    file = _file(path)
    if _is_pytorch(file):
        return Weights(str(file), plain(_unpickled(file), str(file)))
    with _opened(file) as opened:
        header = _header(file, opened)
        if header is None:
            if weights == "average":
                raise UserError(f"{file} is no ganlab checkpoint and holds no average; type init.{part}.weights=auto")
            names = opened.keys()
            return Weights(str(file), plain({name: opened.get_tensor(name) for name in names}, str(file)))
        names = opened.keys()
        setting = _setting(header, part)
        holders = {"auto": ("average", "network")}.get(weights, (weights,))
        for holder in holders:
            prefix = f"/{part}/{holder}/"
            tensors = {n.removeprefix(prefix): opened.get_tensor(n) for n in names if n.startswith(prefix)}
            if tensors:
                source = f"{file} ({'average of the ' if holder == 'average' else 'the '}{part})"
                return Weights(source, tensors, setting)
    what = f"average of the {part}" if weights == "average" else part
    raise UserError(f"{file} holds no {what}; type another init.{part}.path, or init.{part}.weights=auto")


def published(origin: str, part: str) -> Weights:
    """Downloads the weights that torchvision publishes for its network ``origin``, and checks their hash. Raises
    UserError if there are none, or if the download fails."""
    if not origin:
        raise UserError(
            f"init.{part}.path=imagenet: nobody has published weights of this {part}; type discriminator=torchvision, "
            "or the path of a file"
        )
    from torchvision.models import get_model_weights  # takes a second

    reason = ""
    try:
        chosen: Any = get_model_weights(origin).DEFAULT  # type: ignore[attr-defined]
        state = chosen.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except (OSError, RuntimeError, ValueError) as error:
        reason = in_one_line(error)
    if reason:
        raise UserError(
            f"torchvision's weights of {origin} could not be downloaded ({reason}); type "
            f"init.{part}.path=FILE.safetensors or FILE.pth"
        )
    return Weights(f"torchvision's {chosen}", plain(state, origin))


def plain(state: Any, source: str) -> dict[str, Tensor]:
    """Returns the tensors of a state dict by the names that ganlab uses. Raises UserError if ``state`` is not a state
    dict."""
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{source} is no state dict, tensors by name; {HOW}")
    tensors = {}
    for name, tensor in state.items():
        if not isinstance(name, str) or not _is_ordinary(tensor):
            raise UserError(f"{source} holds {str(name)[:100]!r}, which is no tensor of numbers under a name; {HOW}")
        if not name.endswith(".num_batches_tracked"):  # ganlab's batch norm does not count batches
            for theirs, ours in RENAMED.items():
                name = f"{name.removesuffix(theirs)}{ours}" if name.endswith(theirs) else name
            tensors[name] = tensor
    return tensors


def _is_ordinary(tensor: Tensor) -> bool:
    """Whether a tensor stores each of its numbers: on the CPU, dense, not quantized, and not expanded."""
    dense = tensor.layout is torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
    return dense and tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()


def _file(path: Path) -> Path:
    """Returns ``path`` if it is a file, or the complete checkpoint with the most steps if it is a run folder."""
    if os.path.isfile(path):  # False for invalid names too; Path.is_file raises if a name is too long
        return path
    if not os.path.isdir(path):
        raise UserError(f"{path} is not there; {HOW}")
    folder = path / "checkpoints" if (path / "checkpoints").is_dir() else path
    found = [(step, file) for file in sorted(folder.glob(f"*{SUFFIX}")) if (step := step_of(file, -1)) >= 0]
    if not found:
        raise UserError(f"{path} holds no whole ganlab checkpoint; {HOW}")
    return max(found)[1]


def _is_pytorch(file: Path) -> bool:
    return file.suffix in (".pth", ".pt")


def _opened(file: Path) -> Any:
    """Opens a safetensors file, which fails if it is incomplete."""
    try:
        return safetensors.safe_open(file, framework="pt")  # type: ignore[no-untyped-call]
    except (safetensors.SafetensorError, OSError) as error:
        reason = str(error)
    raise UserError(f"{file} is not a whole safetensors file ({reason}); {HOW}")


def _unpickled(file: Path) -> Any:
    try:
        _need_unpacked(file)
        # With mmap, data is read from the disk as needed; only the zip format supports that.
        return torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except Exception as error:  # a corrupt file can cause any exception
        reason = str(error).partition("\n")[0]
    raise UserError(f"{file} is not a PyTorch file of tensors alone ({reason}); {HOW}")


def _need_unpacked(file: Path) -> None:
    """Raises ValueError if a member of the file is compressed: it might need more memory than there is when
    decompressed, and PyTorch compresses nothing."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise ValueError("it is packed, which PyTorch's own files are not")


def _header(file: Path, opened: Any) -> dict[str, Any] | None:
    """Returns the header of a ganlab checkpoint, without tensors, or None if the file is not a ganlab checkpoint.
    Raises UserError if the checkpoint is incomplete."""
    if MARK not in (opened.metadata() or {}):
        return None
    try:
        return tree_of(file, opened)
    except BROKEN:
        pass
    raise UserError(f"{file} is not a whole ganlab checkpoint; {HOW}")


def _setting(header: dict[str, Any], part: str) -> dict[str, Any]:
    """Returns the setting of the weight parametrization in a checkpoint's header, or {} if it has none."""
    node: Any = header
    for key in ("settings", "norm", part, "weight"):
        node = node.get(key) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else {}
