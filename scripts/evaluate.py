"""python scripts/evaluate.py run=RUN"""

import sys

if __name__ == "__main__":
    from ganlab.commands.terminal.output import loading

    with loading():
        from ganlab.commands.evaluate import main

    sys.exit(main())
