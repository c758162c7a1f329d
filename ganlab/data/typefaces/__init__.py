"""Font files, sets of characters, and the glyphs that are drawn from them."""
