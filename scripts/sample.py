"""python scripts/sample.py run=RUN [mode=grid|files|interpolate|classes|walk] [n=64] [seed=0] …"""

import sys

if __name__ == "__main__":
    from ganlab.commands.terminal.output import loading

    with loading():
        from ganlab.commands.sample import main

    sys.exit(main(program="sample.py"))
