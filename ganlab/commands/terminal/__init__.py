"""What all commands share in a terminal: arguments, output, and the text of commands to type."""
