"""python scripts/report.py sweep=SWEEP"""

import sys

if __name__ == "__main__":
    from ganlab.commands.terminal.output import loading

    with loading("Loading SciPy"):
        from ganlab.commands.report import main

    sys.exit(main())
