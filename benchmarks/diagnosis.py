"""Are the verdicts right? A collection of runs that fail on purpose, and of healthy ones, with their labels.

    python benchmarks/diagnosis.py --folder FOLDER                # trains what is missing, and goes on where it stopped
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.diagnosis_collection.runs import members, train_all, use_cache  # noqa: E402


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the runs are")
    arguments = parser.parse_args()
    use_cache(arguments.folder)
    for line in train_all(members(arguments.folder)):
        print(line, flush=True)


if __name__ == "__main__":
    main()
