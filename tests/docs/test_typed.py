"""What the site makes of the pages: commands of the installed package, comments that are not cut, pictures that lead to
their files, and links to the pages of notebooks."""

from __future__ import annotations

import re

import pytest

from docs.site import links, options, pictures, typed
from tests.docs.found import PAGES, ROOT, commands_in

CHECKOUT = re.compile(r"train\.py|scripts/|inspect_init\.py")
ON_THE_SITE = [
    path
    for path in PAGES
    if path.is_relative_to(ROOT / "docs")
    and path.name != "remarks.md"
    and str(path.relative_to(ROOT / "docs")) not in typed.OF_A_CHECKOUT
]


@pytest.mark.parametrize(
    ("checkout", "installed"),
    [
        ("    python train.py init=he seed=0", "    ganlab train init=he seed=0"),
        ("    $ python train.py steps=abc", "    $ ganlab train steps=abc"),
        ("| `python scripts/inspect_init.py` |", "| `ganlab inspect-init` |"),
        ("all settings of `train.py`; `scripts/sample.py` refuses", "all settings of `ganlab train`; `ganlab sample` refuses"),
        ("wandb login && python train.py x=1", "wandb login && ganlab train x=1"),
        ("`torchrun --nproc-per-node=4 train.py`", "`torchrun --nproc-per-node=4 --no-python ganlab train`"),
        (
            "    srun torchrun --nnodes=2 \\\n      --rdzv-endpoint=$(a | head -n 1):29500 train.py x=1",
            "    srun torchrun --nnodes=2 \\\n      --rdzv-endpoint=$(a | head -n 1):29500 --no-python ganlab train x=1",
        ),
        ("torchrun --no-python ganlab train x=1", "torchrun --no-python ganlab train x=1"),
        ("python benchmarks/train_step.py --cpu", "python benchmarks/train_step.py --cpu"),
        ("`benchmarks/train.py`, `python docs/site/curves.py`", "`benchmarks/train.py`, `python docs/site/curves.py`"),
    ],
)  # fmt: skip
def test_commands_become_those_of_the_installed_package(checkout: str, installed: str) -> None:
    assert typed.installed(checkout) == installed


def pages() -> list[tuple[str, str]]:
    made = [(f"options/{group}.md", options.page(group, "")) for group in options.groups()]
    written = [(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in ON_THE_SITE]
    return [*written, *made, ("options/index.md", options.run_page())]


def test_no_page_for_the_installed_package_has_a_script_of_a_checkout() -> None:
    for name, text in pages():
        assert not CHECKOUT.search(typed.installed(text)), name


def test_no_sentence_says_the_same_command_twice() -> None:
    """Such as "`python train.py` is `ganlab train`", of which the site would make nonsense."""
    for name, text in pages():
        for line in typed.installed(text).split("\n"):
            assert not re.search(r"`(ganlab [a-z-]+)`,? (?:is|or|and) `\1`|(ganlab [a-z-]+) .*# or \2", line), (
                name,
                line,
            )


def test_pages_about_a_checkout_exist() -> None:
    copied = {target: ROOT / source for source, target in links.COPIES.items()}
    for name in typed.OF_A_CHECKOUT:
        assert copied.get(name, ROOT / "docs" / name).exists() or name == "benchmarks-report.md", name


def test_a_comment_stands_above_its_command() -> None:
    text = "    ganlab train a=1      # one\n    ganlab train b='x # y'\n    ganlab report      # two"
    above = "    # one\n    ganlab train a=1\n    ganlab train b='x # y'\n\n    # two\n    ganlab report"
    assert typed.comments_above(text) == above
    for stays in (
        "    x: 1      # a value",
        "    ganlab train \\\n    ganlab x=1    # goes on",
        "a `ganlab train`  # b",
    ):
        assert typed.comments_above(stays) == stays


def test_comments_that_move_change_no_command() -> None:
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        found = [one.text for one in commands_in(path.name, text)]
        assert [one.text for one in commands_in(path.name, typed.comments_above(text))] == found, path


def test_a_picture_leads_to_its_file() -> None:
    html = '<p><img alt="a" src="x/y.png" /></p><a href="z"><img src="b.png"></a>'
    linked = '<p><a class="picture" href="x/y.png" title="Full size"><img alt="a" src="x/y.png" /></a></p>'
    assert pictures.linked(html) == linked + '<a href="z"><img src="b.png"></a>'


def test_links_to_notebooks_lead_to_their_pages() -> None:
    names = {"notebooks/first-gan.ipynb", "notebooks/first-gan.md", "notebooks/other.md", "notebooks/other.ipynb"}
    assert links.target_of("notebooks/first-gan.ipynb", "docs/python.md", names) == "notebooks/first-gan.md"
    assert links.target_of("other.ipynb", "docs/notebooks/first-gan.md", names) == "notebooks/other.md"
    own = links.target_of("first-gan.ipynb", "docs/notebooks/first-gan.md", names)
    assert own == "notebooks/first-gan.ipynb"
