"""python scripts/inspect_init.py init=normal,he,orthogonal norm=batch"""

import sys

if __name__ == "__main__":
    from ganlab.commands.terminal.output import loading

    with loading():
        from ganlab.commands.inspect_init import main

    sys.exit(main())
