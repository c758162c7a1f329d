"""python scripts/data.py [clear [NAME …]]"""

import sys

if __name__ == "__main__":
    from ganlab.commands.output import reported_when_slow

    with reported_when_slow("Loading PyTorch"):
        from ganlab.commands.data import main

    sys.exit(main())
