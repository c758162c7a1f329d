"""python scripts/evaluate.py run=RUN"""

import sys

if __name__ == "__main__":
    from ganlab.commands.output import reported_when_slow

    with reported_when_slow("Loading PyTorch"):
        from ganlab.commands.evaluate import main

    sys.exit(main())
