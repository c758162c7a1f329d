"""python scripts/inspect_init.py init=normal,he,orthogonal norm=batch"""

import sys

if __name__ == "__main__":
    from ganlab.commands.output import reported_when_slow

    with reported_when_slow("Loading PyTorch"):
        from ganlab.commands.inspect_init import main

    sys.exit(main())
