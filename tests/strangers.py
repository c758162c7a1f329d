"""Files that somebody made to harm whoever opens them, and a process of little memory that opens them.

``python -m tests.strangers FOLDER`` opens every file of the folder in every way that ganlab has for its kind, and
prints what came of it as JSON: the sentence that a person is told, ``opened: …``, or the name of another exception.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import resource
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from ganlab import loading, tree_file
from ganlab.data.arrays import Arrays
from ganlab.data.image_folder import ImageFolder
from ganlab.data.reading.archives import Tar, Zip
from ganlab.data.stored import Stored
from ganlab.errors import UserError
from ganlab.initializers import weight_files

ROOM = 1 << 30  # bytes that opening may take beside what the packages take
TRAP = "ran"  # the folder that is there when code from a file has run


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (TRAP,)


# ---------------------------------------------------------------------------------------------------------- checkpoints


def raw(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file with any header, which claims to be of any ``length``."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def said(ganlab: str) -> bytes:
    """A file whose ganlab header is this text."""
    return raw({"__metadata__": {"ganlab": ganlab}})


def tree(plain: Any) -> bytes:
    return said(json.dumps({"format": 1, "tree": plain}))


def torch_file(content: object, zipped: bool = True) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


SAFETENSORS: dict[str, Callable[[], bytes]] = {
    "a pickle": lambda: pickle.dumps(Trap(), 2),
    "a PyTorch file": lambda: torch_file({"x": Trap()}),
    "nothing": lambda: b"",
    "a header of 2^60 bytes": lambda: raw(b"{}", length=1 << 60),
    "a header of 2^64 bytes": lambda: raw(b"{}", length=(1 << 64) - 1),
    "a header that is deep": lambda: raw(b"[" * 100_000),
    "terabytes that are not there": lambda: raw(
        {"x": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}
    ),
    "a shape that its bytes do not fill": lambda: raw(
        {"x": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 4]}}, bytes(4)
    ),
    "a shape beyond 64 bits": lambda: raw({"x": {"dtype": "F32", "shape": [1 << 62, 4], "data_offsets": [0, 0]}}),
    "offsets that go back": lambda: raw({"x": {"dtype": "F32", "shape": [1], "data_offsets": [8, 4]}}, bytes(8)),
    "a deep text": lambda: said("[" * 100_000),
    "a deep tree": lambda: said('{"format": 1, "tree": ' + '{"list": [' * 50_000 + "]}" * 50_000 + "}"),
    "a number of 5000 digits": lambda: said('{"format": 1, "tree": ' + "9" * 5000 + "}"),
    "a format that is no number": lambda: said('{"format": Infinity, "tree": {}}'),
    "a tree that is a list": lambda: tree({"list": []}),
    "a tree that is a number": lambda: tree(3),
    "branches that are none": lambda: tree({"tree": 3}),
    "a tensor without a name": lambda: tree({"tree": {"generator": {"tensor": 5}}}),
    "a tensor that is not there": lambda: tree({"tree": {"generator": {"tensor": "/generator/x"}}}),
    "text": lambda: b"not a checkpoint at all",
}  # fmt: skip


def packed_torch_file() -> bytes:
    """A PyTorch file with all in it packed, which unfolds to a hundred times its size."""
    plain, packed = zipfile.ZipFile(io.BytesIO(torch_file({"x": torch.zeros(1 << 18)}))), io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in plain.infolist():
            archive.writestr(member.filename, plain.read(member))
    return packed.getvalue()


PTH: dict[str, Callable[[], bytes]] = {
    "a trap": lambda: torch_file({"x": Trap()}),
    "a trap in the old format": lambda: torch_file({"x": Trap()}, zipped=False),
    "a bare pickle": lambda: pickle.dumps({"x": Trap()}, 2),
    "packed": packed_torch_file,
    "half a file": lambda: torch_file({"x": torch.zeros(100)})[:300],
    "half a file in the old format": lambda: torch_file({"x": torch.zeros(100)}, zipped=False)[:300],
    "one number that stands for 2^50": lambda: torch_file({"x": torch.zeros(1).expand(1 << 25, 1 << 25)}),
    "tensors elsewhere": lambda: torch_file({"x": torch.zeros(1 << 50, device="meta")}),
    "sparse": lambda: torch_file({"x": torch.sparse_coo_tensor(torch.zeros(2, 0, dtype=torch.long), [], (1 << 25, 1 << 25))}),
    "names that are numbers": lambda: torch_file({1: torch.zeros(1)}),
    "a list": lambda: torch_file([torch.zeros(1)]),
}  # fmt: skip


# --------------------------------------------------------------------------------------------------------------- arrays


def npy(shape: Any, data: bytes = b"", descr: str = "|u1") -> bytes:
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    return npy_header(text) + data


def npy_header(text: bytes) -> bytes:
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def npz(content: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        archive.writestr("images.npy", content)
    return file.getvalue()


def claiming(packed: bytes, size: int) -> bytes:
    """A zip archive whose directory says that its one member is ``size`` bytes long."""
    place = packed.rindex(b"PK\x01\x02") + 24
    return packed[:place] + struct.pack("<I", size) + packed[place + 4 :]


def encrypted(packed: bytes) -> bytes:
    """A zip archive that says that its one member needs a password."""
    changed = bytearray(packed)
    changed[6] |= 1
    changed[packed.rindex(b"PK\x01\x02") + 8] |= 1
    return bytes(changed)


def object_array() -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.array([Trap()] * 5, dtype=object))
    return file.getvalue()


NPY: dict[str, Callable[[], bytes]] = {
    "a pickle": lambda: pickle.dumps(Trap(), 2),
    "pickled objects": object_array,
    "terabytes": lambda: npy((1 << 30, 64, 64), bytes(100)),
    "lengths below zero": lambda: npy((-5, -8, 8), bytes(320)),
    "lengths beyond 64 bits": lambda: npy((1 << 70, 8, 8), bytes(64)),
    "a header that calls": lambda: npy_header(b"__import__('os').mkdir('ran')"),
    "a header that is deep": lambda: npy_header(b"(" * 5000),
    "a header that ends in a text": lambda: npy_header(b"{'descr': '|u1', 'shape': (1, 2, 3), 'fortran_order': \"\"\""),
    "a header without a shape": lambda: npy_header(b"{'descr': '|u1'}"),
    "half a header": lambda: npy((4, 8, 8))[:40],
}  # fmt: skip
NPZ: dict[str, Callable[[], bytes]] = {
    **{name: lambda make=make: npz(make()) for name, make in NPY.items()},  # type: ignore[misc]
    "more than any memory": lambda: claiming(npz(npy((4_000_000, 32, 32), bytes(100))), 0xFFFFFFF0),
    "a password": lambda: encrypted(npz(npy((4, 8, 8), bytes(256)))),
    "half an archive": lambda: npz(npy((4, 8, 8), bytes(256)))[:100],
}


# ----------------------------------------------------------------------------------------------------- images, archives


def picture(side: int = 8) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)).save(file, "png")
    return file.getvalue()


def png(width: int, height: int) -> bytes:
    """A picture that says how large it is, and has nothing more."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes(1 << 16))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def bmp(width: int, height: int) -> bytes:
    return (
        b"BM"
        + struct.pack("<IHHI", 54, 0, 0, 54)
        + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    )


def tar(*members: tuple[tarfile.TarInfo, bytes], pack: bool = False) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz" if pack else "w") as archive:
        for member, content in members:
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def member(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size, made.type, made.linkname = size, kind, link
    return made


def long_name() -> bytes:
    """A header that says that 64 MB of name follow, and they do."""
    size = 1 << 26
    header = bytearray(member("././@LongLink", size, tarfile.GNUTYPE_LONGNAME).tobuf())
    return gzip.compress(bytes(header) + b"a" * size + tar((member("a.png", 8), bytes(8))), 1)


def below_zero() -> bytes:
    """A member whose size is below zero, so that the next one would be the one before."""
    header = bytearray(member("a.png", 0).tobuf())
    header[124:136] = b"\xff" * 10 + (-1024).to_bytes(2, "big", signed=True)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return tar((member("b.png", 8), bytes(8)))[:1024] + bytes(header) + bytes(1024)


def zipped(*names: str, content: bytes | None = None) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, picture() if content is None else content)
    return file.getvalue()


GOOD = "good.png"
OUTSIDE = ("../outside.png", "/tmp/outside.png", "a/../../outside.png", "..\\outside.png", "C:\\outside.png")
TARS: dict[str, Callable[[], bytes]] = {
    "a name without end": long_name,
    "a size below zero": below_zero,
    "half an archive": lambda: tar((member("a.png", 5000), bytes(5000)), pack=True)[:60],
    "nothing": lambda: b"",
    "a pickle": lambda: pickle.dumps(Trap(), 2),
}
ZIPS: dict[str, Callable[[], bytes]] = {
    "half an archive": lambda: zipped("a.png")[:50],
    "a directory of nothing": lambda: zipped("a.png")[-22:],
    "nothing": lambda: b"",
    "a pickle": lambda: pickle.dumps(Trap(), 2),
}
# What leaves a good image to train with, and is named beside it.
LEFT_OUT: dict[str, tuple[str, Callable[[], bytes]]] = {
    "10^10 pixels": ("png", lambda: png(100_000, 100_000)),
    "10^10 pixels of another kind": ("bmp", lambda: bmp(100_000, 100_000)),
    "2^62 pixels": ("png", lambda: png(2**31 - 1, 2**31 - 1)),
    "half a picture": ("png", lambda: picture()[:60]),
    "a pickle": ("jpg", lambda: pickle.dumps(Trap(), 2)),
    "a program for printers": ("jpg", lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\nshowpage\n"),
}  # fmt: skip


def write_all(folder: Path) -> None:
    """Every file of the lists above, under its name."""
    kinds = {"safetensors": SAFETENSORS, "pth": PTH, "npy": NPY, "npz": NPZ, "tar": TARS, "zip": ZIPS}
    for suffix, files in kinds.items():
        for name, make in files.items():
            (folder / f"{name.replace(' ', '_')}.{suffix}").write_bytes(make())
    images = folder / "pictures.d"
    images.mkdir()
    (images / GOOD).write_bytes(picture())
    for name, (suffix, make_image) in LEFT_OUT.items():
        (images / f"{name.replace(' ', '_')}.{suffix}").write_bytes(make_image())
    links = [
        member("link.png", 0, tarfile.SYMTYPE, "/etc/passwd"),
        member("hard.png", 0, tarfile.LNKTYPE, "/etc/passwd"),
    ]
    links += [member("device.png", 0, tarfile.CHRTYPE), member("pipe.png", 0, tarfile.FIFOTYPE)]
    whole = [(member(name, len(picture())), picture()) for name in (GOOD, *OUTSIDE)]
    (folder / "tricks.tar").write_bytes(tar(*whole, *((link, b"") for link in links)))
    bomb = zipped(GOOD, *OUTSIDE)
    (folder / "tricks.zip").write_bytes(bomb)


# -------------------------------------------------------------------------------------------------- what is opened, how


def opened(source: Stored, cache: Path) -> str:
    found = source.open(cache)
    return f"opened: {len(found)} of {found.image_shape}; {'; '.join(found.notes)}"


WAYS: dict[str, dict[str, Callable[[Path, Path], object]]] = {
    ".safetensors": {
        "read": lambda path, cache: tree_file.read(path),
        "load": lambda path, cache: loading.load(path),
        "weights": lambda path, cache: weight_files.read(path, "generator", "auto"),
    },
    ".pth": {"weights": lambda path, cache: weight_files.read(path, "generator", "auto")},
    ".npy": {"arrays": lambda path, cache: opened(Arrays(root=str(path)), cache)},
    ".npz": {"arrays": lambda path, cache: opened(Arrays(root=str(path)), cache)},
    ".zip": {"zip": lambda path, cache: opened(Zip(root=str(path), size=8), cache)},
    ".tar": {"tar": lambda path, cache: opened(Tar(root=str(path), size=8), cache)},
    ".d": {"folder": lambda path, cache: opened(ImageFolder(root=str(path), size=8), cache)},
}


def outcome(path: Path, way: Callable[[Path, Path], object], cache: Path) -> str:
    try:
        result = way(path, cache)
        return result if isinstance(result, str) else f"opened: {type(result).__name__}"
    except UserError as error:
        return str(error)
    except Exception as error:
        return f"TRACEBACK {type(error).__name__}: {error}"


def open_all(folder: Path, room: int = ROOM) -> dict[str, dict[str, str]]:
    """What comes of each file of ``folder``, opened in another process that has ``room`` bytes for it."""
    child = subprocess.run(
        [sys.executable, "-m", "tests.strangers", str(folder), str(room)],
        capture_output=True, text=True, timeout=300, check=False, cwd=Path(__file__).resolve().parent.parent,
    )  # fmt: skip
    assert child.returncode == 0, child.stderr[-2000:]
    found: dict[str, dict[str, str]] = json.loads(child.stdout.splitlines()[-1])
    return found


def main() -> None:
    folder, room = Path(sys.argv[1]), int(sys.argv[2])
    os.chdir(folder)  # where a trap would leave its folder
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + room, used + room))
    resource.setrlimit(resource.RLIMIT_CPU, (240, 240))
    cache = folder / ".cache"
    results = {
        path.name: {name: outcome(path, way, cache) for name, way in WAYS[path.suffix].items()}
        for path in sorted(folder.iterdir())
        if path.suffix in WAYS
    }
    print(json.dumps(results))


if __name__ == "__main__":
    main()
