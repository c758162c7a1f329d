"""What is right and wrong with a training: the inspection of an initialization before the first step."""
