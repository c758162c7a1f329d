"""Decoded once, whole or not at all, shared by runs that start together, made again when the files change."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganlab import progress
from ganlab.data.decoded import decoding
from ganlab.data.image_folder import ImageFolder
from ganlab.data.stored import Listing
from ganlab.errors import UserError
from tests.data.images import Numbers, kept, numbers, save, without_stamp


def test_a_second_start_decodes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Numbers().open(tmp_path)
    monkeypatch.setattr(Numbers, "listing", None)
    monkeypatch.setattr(Numbers, "pixels", None)
    second = Numbers().open(tmp_path)
    for opened, how in ((first, "decoded in"), (second, "taken from")):
        assert numbers(opened) == list(range(10))
        assert opened.labels is not None
        assert opened.labels.tolist() == [number % 3 for number in range(10)]
        assert opened.classes == ("zero", "one", "two")
        assert opened.place.startswith(how)
        assert str(tmp_path) in opened.place
    assert isinstance(second.images, np.memmap)


@pytest.mark.parametrize("change", [{"limit": 5}, {"classes": ("one",)}, {"count": 11}])
def test_other_settings_are_another_entry(change: dict[str, object], tmp_path: Path) -> None:
    Numbers().open(tmp_path)
    other = Numbers(**change)  # type: ignore[arg-type]
    assert len(other.open(tmp_path)) != 10
    assert len(set(without_stamp(kept(tmp_path)))) == 2
    assert len(Numbers().open(tmp_path)) == 10


def test_held_out_images_share_the_entry(tmp_path: Path) -> None:
    everything = Numbers().open(tmp_path)
    for wanted, count in ((3, 3), (0.3, 3), (0, 0)):
        opened = Numbers(held_out=wanted).open(tmp_path)
        assert len(opened.held_out) == count
        assert sorted(numbers(opened) + numbers(opened, opened.held_out)) == numbers(everything)
    assert numbers(Numbers(held_out=3).open(tmp_path)) == numbers(Numbers(held_out=0.3).open(tmp_path))
    assert len(kept(tmp_path)) == 1
    with pytest.raises(UserError, match="none would be left"):
        Numbers(held_out=10).open(tmp_path)


def test_a_smaller_limit_takes_some_of_a_larger_one(tmp_path: Path) -> None:
    some, more = (numbers(Numbers(count=100, limit=limit).open(tmp_path)) for limit in (10, 20))
    assert set(some) < set(more)
    assert more == sorted(more) != list(range(20))
    with pytest.raises(UserError, match="there are 10 images"):
        Numbers(limit=11).open(tmp_path)


def test_changed_files_replace_the_entry(tmp_path: Path) -> None:
    old = Numbers().open(tmp_path)
    (name,) = kept(tmp_path)

    class Newer(Numbers):  # the same settings, other files
        def stamp(self) -> str:
            return "newer"

    Newer.__name__ = "Numbers"
    assert len(Newer().open(tmp_path)) == 10
    assert len(kept(tmp_path)) == 1
    assert kept(tmp_path) != [name]
    assert numbers(old) == list(range(10))  # whoever has it open keeps it


def test_broken_images_leave_no_hole_in_what_is_trained_on(tmp_path: Path) -> None:
    source = Numbers(broken=(0, 4, 9), held_out=2)
    for opened in (source.open(tmp_path), source.open(tmp_path)):
        assert len(opened) == 5
        assert not {0, 4, 9} & {*numbers(opened), *numbers(opened, opened.held_out)}
        assert opened.labels is not None
        assert opened.labels[opened.rows].tolist() == [number % 3 for number in numbers(opened)]
    with pytest.raises(UserError, match="none of the 2 images can be read; the first: 0: number 0 is broken"):
        Numbers(count=2, broken=(0, 1)).open(tmp_path)


def test_nothing_is_left_of_what_was_not_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Numbers, "pixels", lambda self, item: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        Numbers().open(tmp_path)
    assert kept(tmp_path) == []


def test_a_download_changes_the_files_and_they_are_listed_again(tmp_path: Path) -> None:
    there: list[int] = []

    class Downloaded(Numbers):
        def stamp(self) -> str:
            return str(there)

        def listing(self) -> Listing:
            there[:] = range(4)
            return Listing(there, None)

    Downloaded.__name__ = "Downloaded"
    assert len(Downloaded().open(tmp_path)) == 4
    assert Downloaded().open(tmp_path).place.startswith("taken")


# ------------------------------------------------------------------------------------------------- disks and processes


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """A disk that takes no file beyond ``size`` bytes, as far as this process can tell."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.parametrize("reserves", [True, False])
def test_a_full_disk_is_one_sentence(reserves: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not reserves:  # a file system that cannot: the failure comes while images are written
        monkeypatch.setattr(os, "posix_fallocate", _cannot)
        monkeypatch.setattr(decoding, "_decode", _full)
    with largest_file(4000), pytest.raises(UserError, match=r"no room for the decoded images.*runtime\.cache=") as told:
        Numbers(count=1200 if reserves else 200).open(tmp_path)
    assert "\n" not in str(told.value)
    assert kept(tmp_path) == []
    monkeypatch.undo()
    assert len(Numbers(count=200).open(tmp_path)) == 200


def _cannot(*arguments: object) -> None:
    raise OSError(errno.EOPNOTSUPP, "Operation not supported")


def _full(*arguments: object) -> dict[int, str]:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"type runtime\.cache="):
        Numbers().open(tmp_path / "file" / "below")


OPEN = (
    "import sys; from ganlab.data.image_folder import ImageFolder\n"
    "print(ImageFolder(root=sys.argv[1], size=16).open().place)"  # as scripts are written: no `if __name__ == …`
)


def test_runs_that_start_together_decode_once(tmp_path: Path) -> None:
    for number in range(60):
        save(tmp_path / "images" / f"{number}.png", Image.effect_noise((400, 300), 50))
    command = [sys.executable, "-c", OPEN, str(tmp_path / "images")]
    environment = {**os.environ, "GANLAB_CACHE": str(tmp_path / "cache")}
    runs = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [run.communicate(timeout=60)[0] for run in runs]
    assert sorted(text.split()[0] for text in said) == ["decoded", "taken", "taken", "taken"]
    assert len(kept(tmp_path / "cache")) == 1


def test_a_kill_leaves_no_half_entry_and_no_process(tmp_path: Path) -> None:
    """SIGKILL while two processes decode: they end too, and the next start makes the entry."""
    images = tmp_path / "images"
    noise = save(images / "0.png", Image.effect_noise((800, 600), 50))
    for number in range(1, 600):
        os.link(noise, images / f"{number}.png")
    environment = {**os.environ, "GANLAB_CACHE": str(tmp_path / "cache")}
    script = tmp_path / "open.py"
    script.write_text(OPEN)
    run = subprocess.Popen([sys.executable, str(script), str(images)], env=environment, start_new_session=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(tmp_path.glob("cache/.*.partial/images.npy")):
        time.sleep(0.01)
    time.sleep(0.3)
    run.kill()
    run.wait()
    assert [name for name in kept(tmp_path / "cache") if not name.startswith(".")] == []
    while time.monotonic() < deadline and _alive(run.pid):
        time.sleep(0.05)
    assert not _alive(run.pid)
    os.environ["GANLAB_CACHE"], before = str(tmp_path / "cache"), os.environ["GANLAB_CACHE"]
    try:
        opened = ImageFolder(root=str(images), size=16).open()
    finally:
        os.environ["GANLAB_CACHE"] = before
    assert len(opened) == 600
    assert (opened.images == opened.images[0]).all()  # every process wrote its part
    assert len(kept(tmp_path / "cache")) == 1


def _alive(session: int) -> bool:
    """Whether a process of that session still runs."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            return True
    return False


def test_processes_and_one_process_decode_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)
    for number in range(230):
        save(tmp_path / "images" / f"{number}.png", Image.fromarray(draw.integers(0, 256, (9, 9, 3)).astype(np.uint8)))
    (tmp_path / "images" / "99.png").write_bytes(b"broken")
    several = ImageFolder(root=str(tmp_path / "images"), size=8).open(tmp_path / "several")
    monkeypatch.setattr(decoding, "FEW", 1000)
    one = ImageFolder(root=str(tmp_path / "images"), size=8).open(tmp_path / "one")
    np.testing.assert_array_equal(several.images, one.images)
    assert (several.rows.tolist(), several.fingerprint) == (one.rows.tolist(), one.fingerprint)
    assert len(several) == 229


def test_the_fingerprint_is_of_the_images_and_not_of_their_place(tmp_path: Path) -> None:
    fingerprints = set()
    for place in ("a", "b"):
        save(tmp_path / place / "x.png", Image.new("L", (8, 8), 7))
        fingerprints.add(ImageFolder(root=str(tmp_path / place), size=8).open().fingerprint)
    assert len(fingerprints) == 1
    save(tmp_path / "b" / "x.png", Image.new("L", (8, 8), 8))
    fingerprints.add(ImageFolder(root=str(tmp_path / "b"), size=8).open().fingerprint)
    assert len(fingerprints) == 2


def test_the_index_says_what_the_entry_is_made_of(tmp_path: Path) -> None:
    Numbers(limit=5).open(tmp_path)
    index = json.loads((tmp_path / kept(tmp_path)[0] / "index.json").read_text())
    assert index["source"]["limit"] == 5
    assert (index["images"], index["image_shape"], index["classes"]) == (5, [1, 2, 2], ["zero", "one", "two"])


def test_the_same_name_in_another_folder_is_another_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, place in enumerate(("one", "two")):
        save(tmp_path / place / "images" / "x.png", Image.new("L", (8, 8), number))
        monkeypatch.chdir(tmp_path / place)
        assert set(ImageFolder(root="images", size=8).open(tmp_path / "cache").images.flat) == {number}
    assert len(kept(tmp_path / "cache")) == 2


OWN = """
import sys
from dataclasses import dataclass
from ganlab.data.image_folder import ImageFolder

@dataclass(frozen=True)
class Mine(ImageFolder):
    "A source that other processes cannot import."

print(Mine(root=sys.argv[1], size=16).open().place)
"""


@pytest.mark.parametrize(("script", "file"), [(OPEN, "open.py"), (OPEN, "-"), (OWN, "own.py")])
def test_a_script_without_a_guard_decodes_many_images(script: str, file: str, tmp_path: Path) -> None:
    """It printed once: no process that decodes runs the script again, and waits for its lock."""
    image = save(tmp_path / "images" / "0.png")
    for number in range(1, 300):
        os.link(image, tmp_path / "images" / f"{number}.png")
    if file != "-":
        (tmp_path / file).write_text(script)
    command = [sys.executable, file, str(tmp_path / "images")]
    environment = {**os.environ, "GANLAB_CACHE": str(tmp_path / "cache")}
    ran = subprocess.run(
        command, input=script, env=environment, capture_output=True, text=True, check=False, cwd=tmp_path, timeout=60
    )
    assert ran.stdout.count("\n") == 1, ran.stdout
    assert ran.stdout.startswith("decoded"), ran.stderr
    assert ran.stderr == ""


def test_slow_work_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of what takes longer than 3 seconds a line says what it is, and how long it will take."""
    monkeypatch.setattr(progress, "QUIET", 0.02)
    whole, listed = Numbers.pixels, ImageFolder.names
    monkeypatch.setattr(Numbers, "pixels", lambda self, item: time.sleep(0.02) or whole(self, item))  # type: ignore[func-returns-value]
    Numbers().open(tmp_path)
    assert "Decoding 10 images: " in (said := capsys.readouterr().err)
    assert "%, about 1 s left" in said
    save(tmp_path / "images" / "1.png")
    monkeypatch.setattr(ImageFolder, "names", lambda self: time.sleep(0.1) or listed(self))  # type: ignore[func-returns-value]
    ImageFolder(root=str(tmp_path / "images"), size=8).open(tmp_path)
    assert f"Listing the images of {tmp_path / 'images'} …" in capsys.readouterr().err


def test_a_share_is_rounded_and_never_nothing(tmp_path: Path) -> None:
    assert len(Numbers(count=35, held_out=0.5).open(tmp_path).held_out) == 18
    assert len(Numbers(count=100, held_out=0.29).open(tmp_path).held_out) == 29
    assert len(Numbers(count=35, held_out=0.001).open(tmp_path).held_out) == 1
    assert len(Numbers(count=10, limit=10).open(tmp_path)) == 10
    chosen = Numbers(count=100, limit=10).open(tmp_path)
    assert numbers(chosen) != Numbers(count=100, held_out=10).open(tmp_path).held_out.tolist()


def test_the_disk_is_reserved_before_images_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reserved: list[int] = []
    monkeypatch.setattr(decoding, "FEW", 10**6)  # in this process, where the measuring stands
    monkeypatch.setattr(
        decoding, "_decode", lambda *found: reserved.append(os.stat(found[3]).st_blocks) or decoding.Decoded()
    )
    Numbers(count=20_000).open(tmp_path)
    assert reserved[0] * 512 >= 80_000


def test_the_fingerprint_is_of_labels_and_classes_too(tmp_path: Path) -> None:
    class Other(Numbers):
        def listing(self) -> Listing:
            return Listing(range(10), np.arange(10) % 2, ("zero", "one", "two"))

    class Named(Numbers):
        def listing(self) -> Listing:
            return Listing(range(10), np.arange(10) % 3, ("a", "b", "c"))

    assert len({source.open(tmp_path).fingerprint for source in (Numbers(), Other(), Named())}) == 3


def test_ctrl_c_while_decoding_ends_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    images = tmp_path / "images"
    noise = save(images / "0.png", Image.effect_noise((800, 600), 50))
    for number in range(1, 3000):
        os.link(noise, images / f"{number}.png")
    script = tmp_path / "open.py"
    script.write_text(OPEN)
    environment = {**os.environ, "GANLAB_CACHE": str(tmp_path / "cache")}
    run = subprocess.Popen(
        [sys.executable, str(script), str(images)],
        env=environment,
        start_new_session=True,
        stderr=subprocess.DEVNULL,
        preexec_fn=_listening,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(tmp_path.glob("cache/.*.partial/images.npy")):
        time.sleep(0.01)
    time.sleep(1.0)
    os.killpg(run.pid, signal.SIGINT)
    run.wait(timeout=20)
    while time.monotonic() < deadline and _alive(run.pid):
        time.sleep(0.05)
    assert not _alive(run.pid)
    assert kept(tmp_path / "cache") == []


def _listening() -> None:
    """Ctrl-C as a terminal's programs have it: those that a script starts in the background ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
