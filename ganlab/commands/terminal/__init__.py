"""Functions that all commands use in a terminal: arguments, output, and the text of commands to type."""
