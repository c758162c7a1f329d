"""python scripts/data.py [clear [NAME …]]"""

import sys

if __name__ == "__main__":
    from ganlab.commands.data import main

    sys.exit(main())
