"""The inspections of some combinations of settings together: sentences, tables, figure and files."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from ganlab.atomic_write import write_atomically
from ganlab.diagnosis.inspection import tables
from ganlab.diagnosis.inspection.figure import Combination, figure
from ganlab.diagnosis.inspection.judgement import judge
from ganlab.diagnosis.inspection.results import Inspection
from ganlab.monitor.captions import to_image

VERSION = 1
FILES = ("inspection.json", "inspection.txt", "inspection.png")


@dataclass(frozen=True, eq=False)
class Inspections:
    """The inspections of all combinations. ``refused`` holds why others cannot run, by their names."""

    combinations: Sequence[Combination]
    refused: Mapping[str, str]

    @property
    def by_name(self) -> dict[str, Inspection]:
        """The inspections, by the name of the combination."""
        return {one.name: one.inspection for one in self.combinations}

    @cached_property
    def sentences(self) -> dict[str, str]:
        """The judgement of each combination, by its name."""
        return {name: judge(one) for name, one in self.by_name.items()}

    @cached_property
    def picture(self) -> Tensor:
        """The figure, (3, height, width) uint8."""
        return figure(self.combinations)

    def __repr__(self) -> str:
        return "\n".join(f"{name}: {sentence}" for name, sentence in self.sentences.items())

    def text(self) -> str:
        """Returns the summary, and the sentence and the layers of each combination, as aligned text."""
        refused = "".join(f"\n{name}: refused: {reason}\n" for name, reason in self.refused.items())
        return tables.whole_text(self.by_name, self.sentences) + refused

    def markdown(self) -> str:
        """Returns the same in Markdown."""
        parts = [
            tables.as_markdown(
                tables.SUMMARY_COLUMNS, [tables.summary_row(name, one) for name, one in self.by_name.items()]
            )
        ]
        for name, one in self.by_name.items():
            parts.append(f"**{name}** {self.sentences[name]}".replace("**** ", ""))
            for title, network in (("generator", one.generator), ("discriminator", one.discriminator)):
                parts.append(f"{title}\n\n{tables.as_markdown(tables.LAYER_COLUMNS, tables.layer_rows(network))}")
            parts += [f"note: {note}" for note in one.notes]
        return "\n\n".join(parts)

    def plain(self) -> dict[str, Any]:
        """Returns everything as plain values, the content of inspection.json."""
        found = [
            {
                "name": one.name,
                "levels": dict(one.levels),
                "sentence": self.sentences[one.name],
                **one.inspection.plain(),
            }
            for one in self.combinations
        ]
        return {"version": VERSION, "combinations": found, "refused": dict(self.refused)}

    def save(self, folder: Path) -> list[Path]:
        """Writes inspection.json, inspection.txt and inspection.png into a folder that exists. Raises OSError."""
        paths = [folder / name for name in FILES]
        write_atomically(paths[0], json.dumps(self.plain(), indent=1, ensure_ascii=False) + "\n")
        write_atomically(paths[1], self.text())
        paths[2].write_bytes(self.png)
        return paths

    @cached_property
    def png(self) -> bytes:
        """The figure as a PNG file of few colours."""
        file = io.BytesIO()
        to_image(self.picture).quantize(96).save(file, "PNG", optimize=True)
        return file.getvalue()
