"""`python -m ganlab COMMAND …`: the same as the installed command `ganlab`."""

from ganlab.commands import main

if __name__ == "__main__":
    main()
