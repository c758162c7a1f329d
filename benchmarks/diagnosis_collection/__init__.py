"""A labelled collection of runs that fail on purpose and of healthy ones, on which ganlab's verdicts are judged."""
