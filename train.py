"""python train.py init=orthogonal norm=spectral"""

import sys

from ganlab.commands.train import main

if __name__ == "__main__":
    sys.exit(main())
