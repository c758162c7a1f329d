"""python scripts/stylize.py run=RUN style=glyph.png text="Hello" out=line.png|mine.ttf"""

import sys

if __name__ == "__main__":
    from ganlab.commands.terminal.output import loading

    with loading():
        from ganlab.commands.stylize import main

    sys.exit(main(program="stylize.py"))
