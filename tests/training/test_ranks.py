"""Two processes with half of each batch against one with all of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor

from ganlab import tree_file
from ganlab.commands.launch.ready import open_data
from ganlab.commands.launch.training_run import train
from ganlab.config import configure
from ganlab.config.build import build_trainer
from ganlab.data.typefaces.font_files import bundled
from ganlab.errors import Diagnosed, TrainingFailed, UserError
from ganlab.ranks import Ranks, global_batch, here, mean_over_batch, std_of_batch
from ganlab.run_folder import RunFolder
from ganlab.training import checkpoint
from ganlab.training.device import Machine
from ganlab.training.trainer import Trainer
from tests.conftest import tiny

STEPS = 3
SYNC = {"layer": {"name": "sync_batch"}}
SGD = {name: {"name": "sgd", "lr": 0.05} for name in ("generator", "discriminator")}
ADAM = {name: {"name": "adam", "lr": 0.002, "epsilon": 1e-3} for name in ("generator", "discriminator")}
EMA = {"name": "ema", "decay": 0.5}
LAYER = {"generator": SYNC, "discriminator": {"layer": "layer"}}

CASES: dict[str, dict[str, Any]] = {
    "bce, sync batch norm, ema": {
        "norm": {"generator": SYNC, "discriminator": SYNC}, "averaging": EMA, "optimizer": ADAM,
    },
    "wgan_gp": {
        "loss": "wasserstein", "regularizer": {"gradient_penalty": {}}, "norm": LAYER, "optimizer": ADAM,
        "schedule": {"name": "alternating", "n_critic": 2}, "averaging": EMA,
    },
    "hinge, spectral": {
        "loss": "hinge", "norm": {"generator": SYNC, "discriminator": {"layer": "none", "weight": "spectral"}},
        "optimizer": SGD, "averaging": EMA,
    },
    "noise everywhere": {
        "targets": {"noise": 0.2, "flip": 0.2}, "augment": {"instance_noise": {}, "diff_augment": {}},
        "norm": LAYER, "optimizer": SGD,
        "schedule": {"name": "alternating", "accumulation": 2, "generator_batch_factor": 2},
        "condition": {"name": "concat", "labels": "uniform"},
    },
    "labels of the data, more fakes": {
        "norm": LAYER, "optimizer": SGD, "condition": "concat",
        "schedule": {"name": "alternating", "generator_batch_factor": 2},
    },
    "uneven updates": {
        "loss": "relativistic", "norm": LAYER, "optimizer": SGD, "averaging": EMA, "condition": "concat",
        "schedule": {"name": "alternating", "generator_updates": 2, "discriminator_every": 2, "generator_batch_factor": 2},
    },
    "packing": {
        "discriminator": {"pack": 2}, "loss": "wasserstein", "regularizer": {"gradient_penalty": {}}, "norm": LAYER,
        "optimizer": ADAM,
    },
    "what compares samples": {
        "loss": {"name": "relativistic", "form": "average"}, "norm": LAYER, "optimizer": SGD,
        "regularizer": {"gradient_penalty": {"at": "neighbourhood"}, "feature_matching": {}, "consistency": {}},
        "schedule": {"name": "alternating", "top_k": 0.4, "top_k_until": 0.1},
    },
    "scalars that move": {
        "norm": LAYER, "regularizer": {"drift": {"weight": {"start": 0.5, "end": 0.1}}},
        "optimizer": {
            **SGD,
            "generator": {"name": "sgd", "lr": {"start": 0.05, "end": 0.01, "shape": "cosine"}, "momentum": {"start": 0.9, "end": 0.1}},
        },
        "targets": {"flip": {"start": 0.5, "end": 0.1}, "real": {"start": 1.0, "end": 0.8}},
        "averaging": {"name": "ema", "half_life": {"start": 0, "end": 3}},
    },
    "maps": {
        "discriminator": {"name": "patch", "width": 4, "layers": 1},
        "loss": {"name": "relativistic", "form": "average"}, "norm": LAYER, "optimizer": ADAM,
        "regularizer": {"gradient_penalty": {}, "consistency": {}, "drift": {}},
        "schedule": {"name": "alternating", "top_k": 0.4, "top_k_until": 0.1},
    },
    "components with state": {
        "norm": LAYER, "optimizer": ADAM, "augment": {"ada": {"interval": 2, "adjust_images": 60}},
        "regularizer": {"lecam": {"start": 1}}, "schedule": {"name": "alternating", "accumulation": 2},
    },
    "pairs of glyphs": {
        "data": {
            "name": "glyph_pairs", "root": bundled("DejaVuSerif.ttf"), "characters": list("ABCDEFGHIJ"), "size": 16,
            "unseen_fonts": 0, "unseen_characters": 0,
        },
        "condition": {"name": "image", "source": ["content", "style"], "heads": ["font", "character"]},
        "generator": {"name": "wnet", "width": 4, "residual": 2, "heads": True},
        "discriminator": {"name": "wnet", "width": 4}, "loss": {"name": "wasserstein", "weight": 3.0},
        "regularizer": {
            "gradient_penalty": {}, "auxiliary_classifier": {}, "reconstruction": {}, "encoder_classifier": {},
            "code_constancy": {"of": {"content": 3.0, "style": 5.0}},
        },
        # With the gradients of this width (norm 200) larger steps enlarge roundings a thousandfold each.
        "norm": LAYER, "averaging": EMA,
        "optimizer": {name: {"name": "sgd", "lr": 1e-4} for name in SGD},
    },
    "gradients are clipped": {
        "norm": LAYER,
        "optimizer": {name: {**SGD[name], "clip_norm": 0.05} for name in SGD},
    },
}  # fmt: skip


def built(folder: Path, **changes: Any) -> Trainer:
    settings = tiny(steps=STEPS, **changes).settings
    data = open_data(settings.data, settings.runtime.cache)
    return build_trainer(settings, Machine(torch.device("cpu"), torch.float32), data, folder)


def found_after_training(folder: Path, **changes: Any) -> dict[str, Any]:
    trainer = built(folder, **changes)
    before = [weight.detach().clone() for weight in trainer.generator.parameters + trainer.discriminator.parameters]
    for _ in range(STEPS):
        trainer.train_step()
    state = trainer.state()
    return {
        "before": before,
        "after": [weight.detach().clone() for weight in trainer.generator.parameters + trainer.discriminator.parameters],
        "buffers": dict(trainer.generator.network.named_buffers()),
        "average": state["generator"]["average"],
        "values": trainer.meter.read(trainer.ranks),
        "components": [tensor.clone() for tensor in trainer.gan.states.tensors],
        "drawn": trainer.feed.drawn,
        "fingerprints": [trainer.generator.fingerprint(), trainer.discriminator.fingerprint()],
        "dropout": trainer.stepper._inputs(trainer.step).networks,
    }  # fmt: skip


def a_rank(rank: int, folder: str, cache: str, work: Callable[[int, Path], Any]) -> None:
    """One of two processes: does the work and writes what comes of it."""
    import os

    os.environ["GANLAB_CACHE"] = cache
    torch.set_num_threads(1)
    place = Path(folder)
    patience = timedelta(minutes=2)  # a rank that waits in vain fails the test
    torch.distributed.init_process_group("gloo", f"file://{place / 'store'}", patience, 2, rank)
    torch.save(work(rank, place), place / f"{rank}.pt")
    while not all((place / f"{one}.pt").exists() for one in range(2)):
        time.sleep(0.01)  # the other may still be answered
    os._exit(0)  # taking gloo's threads down has aborted a process on a loaded machine, and is not what is tested


def on_two_ranks(folder: Path, work: Callable[[int, Path], Any]) -> list[Any]:
    import os

    torch.multiprocessing.spawn(a_rank, (str(folder), os.environ["GANLAB_CACHE"], work), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


def train_all(rank: int, folder: Path) -> dict[str, Any]:
    return {name: found_after_training(folder, **changes) for name, changes in CASES.items()}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    for changes in ({}, CASES["pairs of glyphs"]):
        open_data(tiny(**changes).settings.data)  # decoded once
    return on_two_ranks(tmp_path_factory.mktemp("ranks"), train_all)


def flat(tensors: Any) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])


@pytest.mark.parametrize("name", CASES)
def test_two_ranks_with_half_a_batch_are_one_with_all_of_it(
    name: str, both: list[dict[str, Any]], tmp_path: Path
) -> None:
    alone, ranks = found_after_training(tmp_path, **CASES[name]), [rank[name] for rank in both]
    assert ranks[0]["fingerprints"] == ranks[1]["fingerprints"]
    for rank in ranks:
        assert torch.equal(flat(alone["before"]), flat(rank["before"]))
        learned = (flat(alone["after"]) - flat(alone["before"])).norm()
        assert learned.isfinite()
        assert learned > 1e-3
        assert (flat(alone["after"]) - flat(rank["after"])).norm() < 1e-4 * learned
        torch.testing.assert_close(rank["buffers"], alone["buffers"], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(rank["average"], alone["average"], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(rank["components"], alone["components"], rtol=1e-4, atol=1e-5)
        assert rank["values"] == pytest.approx(alone["values"], rel=1e-3, abs=1e-4)
        assert rank["drawn"] == alone["drawn"]


def test_dropout_is_each_ranks_own(both: list[dict[str, Any]], tmp_path: Path) -> None:
    name = "hinge, spectral"
    alone = found_after_training(tmp_path, **CASES[name])["dropout"]
    assert both[0][name]["dropout"] == alone != both[1][name]["dropout"]


def whole_run(rank: int, folder: Path) -> dict[str, Any]:
    """What the parts of a run do on two ranks, one after the other."""
    found: dict[str, Any] = {}
    ours = here()
    numbers = torch.tensor([[1.0, 2.0], [4.0, 8.0]])[rank]
    mean = mean_over_batch(numbers.requires_grad_())
    whole, own = global_batch(numbers)
    found["numbers"] = [mean.item(), std_of_batch(numbers).item(), *whole[own].tolist(), *whole.tolist()]

    if rank == 1:  # a rank that looks at its networks by itself waits for nobody
        with pytest.raises(UserError, match="defined for each judged sample alone"):
            tiny(norm={"generator": SYNC, "discriminator": SYNC}, regularizer={"gradient_penalty": {}})

    refused = []
    for who in (0, 1):
        try:
            with ours.together():
                if rank == who:
                    raise UserError("something is missing")
        except UserError as error:
            refused.append(str(error))
    found["refused"] = refused

    # A run with batch norm by rank, scored and saved; then one that rank 1 is told to stop.
    changes = {"steps": 4, "checkpoint": {"every": 2}, "logging": {"every": 2}, "data": {"held_out": 16},
               "norm": {"generator": SYNC, "discriminator": SYNC}}  # fmt: skip
    run = RunFolder(folder / "run")
    run.path.mkdir(exist_ok=True)
    outcome = train(tiny(**changes), run)
    found["finished"] = [outcome.status, outcome.facts["steps"], outcome.facts["images"]]

    stopping = built(folder / "stopped", checkpoint={"every": 100})
    stopping.steps, stopping.stop_requested = 50, False

    class Stop:
        """Tells rank 1 to stop after a step."""

        whom, step, histograms_every = stopping, 3, None

        def __getattr__(self, name: str) -> Callable[..., None]:
            def told(*arguments: Any) -> None:
                if name == "stepped" and rank == 1 and arguments[0] == self.step:
                    self.whom.stop_requested = True

            return told

    stopping.observers._observers = [Stop()]  # type: ignore[list-item]
    stopping.run()
    found["stopped"] = stopping.step

    # A disk that refuses rank 0's first checkpoint, at whose step it is told to stop; then one that refuses them all.
    found["full disk"] = []
    for refused, retries in ((1, 3), (100, 0)):
        full = built(folder / f"refused-{refused}", checkpoint={"every": 2, "retries": retries})
        full.steps, tries = 50, []

        def write(path: Path, tree: dict[str, Any], whole: Any = tree_file.write) -> None:
            tries.append(path.name)  # noqa: B023
            if len(tries) <= refused:  # noqa: B023
                raise OSError("No space left on device")
            whole(path, tree)

        stop_at_2 = Stop()
        stop_at_2.whom, stop_at_2.step = full, 2
        full.observers._observers = [stop_at_2]  # type: ignore[list-item]
        with mock.patch("ganlab.training.checkpoint.write", write):
            try:
                full.run()
                found["full disk"].append([full.step, tries])
            except TrainingFailed as error:
                found["full disk"].append(str(error))

    # A verdict, which rank 0 alone gives, ends the training: neither network learns.
    rates = {name: {"name": "adam", "lr": 1e-9} for name in ADAM}
    verdicts = {"name": "default", "on_verdict": "stop", "verdicts": {"images": 0, "warm_up": 0.0}}
    stuck = built(folder / "stuck", optimizer=rates, logging={"every": 1}, norm=LAYER, diagnosis=verdicts)
    stuck.steps = 12
    try:
        stuck.run()
    except Diagnosed as error:
        found["verdict"] = [str(error), stuck.step, error.step]

    # Weights that drift apart.
    differing = built(folder / "differing", checkpoint={"every": 1})
    if rank == 1:
        with torch.no_grad():
            differing.generator.parameters[0].flatten()[0] += 1e-6
            differing.generator.parameters[0].view(-1)[0] += 1e-3
    try:
        differing.run()
    except TrainingFailed as error:
        found["differing"] = str(error)
    return found


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    open_data(tiny().settings.data)
    folder = tmp_path_factory.mktemp("runs")
    return folder, on_two_ranks(folder, whole_run)


def test_numbers_of_the_whole_batch(runs: tuple[Path, list[dict[str, Any]]]) -> None:
    whole = torch.tensor([1.0, 2.0, 4.0, 8.0])
    for rank, found in enumerate(runs[1]):
        own = whole[2 * rank : 2 * rank + 2]
        expected = [whole.mean().item(), whole.std(correction=0).item(), *own.tolist(), *whole.tolist()]
        assert found["numbers"] == pytest.approx(expected)


def test_what_one_rank_refuses_all_refuse(runs: tuple[Path, list[dict[str, Any]]]) -> None:
    assert [found["refused"] for found in runs[1]] == [
        ["something is missing", "rank 1: something is missing"],
        ["rank 0: something is missing", "something is missing"],
    ]


def test_only_rank_0_writes(runs: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, found = runs
    assert [one["finished"] for one in found] == [["finished", 4, 32]] * 2
    run = folder / "run"
    assert len(list(run.glob("events*"))) == 1
    rows = [json.loads(row) for row in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4]
    assert {path.name for path in (run / "samples").iterdir()} == {
        "real.png", "step-0000000-generator.png", "step-0000000-generator-contrast.png", "step-0000004-generator.png",
        "filmstrip-generator.png",
    }  # fmt: skip
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"step-0000002.safetensors", "final.safetensors"}


def test_what_they_report_is_what_one_would(runs: tuple[Path, list[dict[str, Any]]], tmp_path: Path) -> None:
    """Losses, and what D says of images that it never trains on: sync batch norm needs all ranks for that too."""
    rows = [json.loads(row) for row in (runs[0] / "run" / "metrics.jsonl").read_text().splitlines()]
    changes = {"steps": 4, "checkpoint": {"every": 2}, "logging": {"every": 2}, "data": {"held_out": 16},
               "norm": {"generator": SYNC, "discriminator": SYNC}}  # fmt: skip
    train(tiny(**changes), RunFolder(tmp_path))
    alone = [json.loads(row) for row in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert "discriminator/held_out" in rows[0]
    for row, other in zip(rows, alone, strict=True):
        for tag in set(other) - {"progress/images_per_second"}:
            assert row[tag] == pytest.approx(other[tag], rel=0.02, abs=2e-3), tag


def test_all_ranks_stop_at_the_same_step(runs: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, found = runs
    assert [one["stopped"] for one in found] == [3, 3]
    assert checkpoint.newest(folder / "stopped" / "checkpoints")[1]["step"] == 3


def test_all_ranks_learn_whether_the_first_could_save(runs: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, found = runs
    (first, ended), (other, others_ended) = (one["full disk"] for one in found)
    assert [first, other] == [[2, ["step-0000002.safetensors"] * 2], [2, []]]
    assert checkpoint.newest(folder / "refused-1" / "checkpoints")[1]["step"] == 2
    assert "Training ended after step 2: its checkpoint could not be written. " in ended
    assert others_ended == f"rank 0: {ended}"


def test_all_ranks_follow_the_verdicts_of_the_first(runs: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, found = runs
    first, other = (one["verdict"] for one in found)
    assert first == other
    said, step, ended_at = first
    assert "no learning of the generator since step 1: " in said
    assert said.endswith(" Its weights were saved.")
    assert checkpoint.newest(folder / "stuck" / "checkpoints")[1]["step"] == step == ended_at < 12


def test_weights_that_differ_are_told_and_not_saved(runs: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, found = runs
    for one in found:
        assert "At step 1 the weights on rank 1 are not those on rank 0" in one["differing"]
    assert not list((folder / "differing").glob("checkpoints/*"))


def test_a_run_of_two_ranks_goes_on_with_one_and_back(runs: tuple[Path, list[dict[str, Any]]], tmp_path: Path) -> None:
    """The checkpoint knows nothing of ranks: data position, steps, weights."""
    state = tree_file.read(runs[0] / "run" / "checkpoints" / "step-0000002.safetensors")
    assert state["drawn"] == 16
    settings = configure(state["settings"]).settings
    alone = build_trainer(settings, settings.runtime.resolve(), open_data(settings.data), tmp_path, initialize=False)
    alone.restore(state)
    alone.run()
    final = tree_file.read(runs[0] / "run" / "checkpoints" / "final.safetensors")
    assert final["drawn"] == alone.feed.drawn == 32
    for name in ("generator", "discriminator"):
        ours = getattr(alone, name).network.state_dict()
        torch.testing.assert_close(final[name]["network"], ours, rtol=1e-2, atol=1e-3)


def test_alone_nothing_is_exchanged() -> None:
    alone, values = Ranks(), torch.ones(2)
    alone.average([values])
    alone.follow_first([values])
    assert (alone.most(3), alone.gathered("a"), alone.means({"a": 1.0}), alone.first) == (3, ["a"], {"a": 1.0}, True)
    with pytest.raises(UserError, match="missing"), alone.together():
        raise UserError("missing")
