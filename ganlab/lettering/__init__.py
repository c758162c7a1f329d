"""Text and fonts drawn by a generator of glyphs: style images, lines of text, specimen sheets, and font files."""

from ganlab.lettering.font_file import save_font
from ganlab.lettering.glyph_format import GlyphFormat
from ganlab.lettering.stylist import Stylist
from ganlab.lettering.typesetting import specimen, typeset

__all__ = ["GlyphFormat", "Stylist", "save_font", "specimen", "typeset"]
