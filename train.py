"""python train.py init=orthogonal norm=spectral"""

import sys

if __name__ == "__main__":
    from ganlab.commands.train import main  # not above: whatever imports this file needs nothing of it

    sys.exit(main())
