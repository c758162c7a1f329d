"""Images that are decoded once: preparation, decoding in several processes, and the entries of the cache."""
