"""python train.py init=orthogonal norm=spectral"""

import sys

if __name__ == "__main__":
    # Not above: the processes that decode images import this file, and nothing in it is theirs.
    from ganlab.commands.output import reported_when_slow

    with reported_when_slow("Loading PyTorch"):
        from ganlab.commands.train import main

    sys.exit(main())
