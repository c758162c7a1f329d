"""python train.py init=orthogonal norm=spectral"""

import sys

if __name__ == "__main__":
    # Not above: whatever imports this file needs nothing of it.
    from ganlab.commands.output import reported_when_slow

    with reported_when_slow("Loading PyTorch"):
        from ganlab.commands.train import main

    sys.exit(main())
