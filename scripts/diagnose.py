"""python scripts/diagnose.py run=RUN"""

import sys

if __name__ == "__main__":
    from ganlab.commands.diagnose import main

    sys.exit(main())
