"""python scripts/translate.py run=RUN images=FOLDER out=FOLDER [beside=true]"""

import sys

if __name__ == "__main__":
    from ganlab.commands.terminal.output import loading

    with loading():
        from ganlab.commands.translate import main

    sys.exit(main(program="translate.py"))
