"""The diagnosis of a training: the inspection of an initialization before the first step."""
