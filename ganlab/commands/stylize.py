"""`ganlab stylize`, `python scripts/stylize.py`: text and fonts in the style of one glyph."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np

from ganlab import run_folder
from ganlab.commands.terminal.arguments import Help, run_command
from ganlab.commands.terminal.loading_settings import Checkpoint, Device, Plugins, RunOrFile, Weights, generator_of
from ganlab.data.typefaces.character_sets import characters_of
from ganlab.data.typefaces.font_files import Face, facts
from ganlab.errors import UserError, in_one_line
from ganlab.lettering import GlyphFormat, Stylist, save_font, specimen, typeset
from ganlab.lettering.style_picture import read_style
from ganlab.table import PATH, PositiveInt

SUMMARY = """text and fonts in the style of one glyph

  {program} run=RUN style=glyph.png text="Hello, world" out=line.png    a drawn or photographed glyph
  {program} run=RUN style=[a.png,b.png] text=Hello                      the mean style of several
  {program} run=RUN font=Some.ttf text=Hello                            the style of some glyphs of a font
  {program} run=RUN style=glyph.png mode=alphabet                       a specimen sheet of all characters
  {program} run=RUN style=glyph.png out=mine.ttf                        a font file of all characters

RUN was trained on data=glyph_pairs, such as python train.py experiment=wnet_latin. Nothing is overwritten."""

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
SAMPLE = "HamburgefonsQR27"  # the glyphs of a font that are its style where nothing is typed


@dataclass(frozen=True)
class Stylize:
    """The settings of the command."""

    run: RunOrFile
    style: Annotated[
        str | tuple[str, ...] | None, Help("a picture of one glyph in the wanted style, or a list of several")
    ] = None
    font: Annotated[str | None, PATH, Help("a font file whose glyphs are the style, instead of pictures")] = None
    glyphs: Annotated[
        str | None, Help(f"of font: the characters that show its style ({SAMPLE}, as far as it has them)")
    ] = None
    character: Annotated[
        str | None,
        Help("of style: the characters of the pictures, in order, if known: they are placed as it is in fonts"),
    ] = None
    text: Annotated[str | None, Help(r"the text; a line ends at \n")] = None
    mode: Annotated[Literal["text", "alphabet"], Help("text, or alphabet: a sheet of all characters")] = "text"
    out: Annotated[
        str | None,
        PATH,
        Help(".png .jpg .webp of text or sheet, or .ttf: a font of all characters; otherwise in the run's samples/"),
    ] = None
    characters: Annotated[
        str | None, Help("of sheet and font: latin, letters, capitals, digits, chinese, a text file, or the characters")
    ] = None
    height: Annotated[PositiveInt | None, Help("pixels of a line or of a glyph on a sheet; otherwise the run's")] = None
    width: Annotated[PositiveInt | None, Help("pixels at which lines of text are broken at spaces")] = None
    columns: Annotated[PositiveInt, Help("glyphs side by side on a sheet")] = 16
    name: Annotated[str | None, Help("the family name of the font; otherwise the file's name")] = None
    content: Annotated[str | None, PATH, Help("the font of the content images, if it is not where it was")] = None
    seed: Annotated[int, Help("which latent, if the generator has one")] = 0
    weights: Weights = "auto"
    checkpoint: Checkpoint = None
    device: Device = "auto"
    plugins: Plugins = ()


def main(arguments: Sequence[str] | None = None, program: str = "stylize.py") -> int:
    """Runs the command and returns its exit code: 0 done, 2 refused."""
    return run_command(Stylize, stylize, arguments, program, SUMMARY)


def stylize(settings: Stylize) -> None:
    """Writes the picture or the font, and prints its path. Raises UserError."""
    makes_font = settings.out is not None and settings.out.lower().endswith(".ttf")
    _check(settings, makes_font)
    generator = generator_of(settings, settings.device)
    form = GlyphFormat.of(generator.settings.get("data", {}), settings.content)
    stylist = Stylist(generator, form, _styles(settings, form), settings.seed)
    path = _place(settings, generator.path)
    print(generator.description)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if makes_font:
            _save_font(settings, stylist, path)
        elif settings.mode == "alphabet":
            specimen(stylist, _characters(settings, form), settings.columns, settings.height).save(path)
        else:
            assert settings.text is not None
            text = settings.text.replace("\\n", "\n")
            typeset(stylist, text, settings.height, settings.width).save(path)
    except OSError as error:
        raise UserError(f"{path}: it cannot be written there ({error.strerror or error}); type out=…") from error
    print(run_folder.shown(path))


def _check(settings: Stylize, makes_font: bool) -> None:
    """Raises UserError if settings are missing or contradict each other."""
    if (settings.style is None) == (settings.font is None):
        found = "neither style nor font is typed" if settings.style is None else "both style and font are typed"
        raise UserError(f"{found}; type style=glyph.png for a picture of one glyph, or font=Some.ttf")
    if settings.glyphs is not None and settings.font is None:
        raise UserError("glyphs: they are characters of a font, and there is none; type font=…, or character=…")
    if settings.character is not None:
        if settings.style is None:
            raise UserError("character: it says what pictures show, and there are none; type style=…, or glyphs=…")
        count = 1 if isinstance(settings.style, str) else len(settings.style)
        if len(settings.character) != count:
            raise UserError(
                f"character={settings.character}: it has {len(settings.character)} characters for {count} pictures; "
                "type one for each, in order"
            )
    draws_text = settings.mode == "text" and not makes_font
    if draws_text and not (settings.text or "").strip():
        raise UserError("text: there is nothing to draw; type text=Hello, mode=alphabet, or out=mine.ttf")
    if not draws_text and settings.text is not None:
        what = "a font has" if makes_font else "mode=alphabet draws"
        raise UserError(f"text: {what} all characters; leave it out, or type characters=…")
    if draws_text and settings.characters is not None:
        raise UserError("characters: they are of a sheet or a font; type mode=alphabet, or text=…")
    if makes_font and settings.mode == "alphabet":
        raise UserError("mode=alphabet draws a picture, and out is a font; leave mode out, or type out=….png")
    if settings.name is not None and not makes_font:
        raise UserError("name: it is of a font; type out=….ttf, or leave it out")


def _styles(settings: Stylize, form: GlyphFormat) -> np.ndarray:
    """Returns the style images (N, 1, H, W) in [-1, 1]. Raises UserError."""
    if settings.style is not None:
        files = (settings.style,) if isinstance(settings.style, str) else settings.style
        known = settings.character or [None] * len(files)
        return np.concatenate([
            read_style(os.path.expanduser(file), form, one) for file, one in zip(files, known, strict=True)
        ])  # fmt: skip
    file = os.path.expanduser(str(settings.font))
    if not os.path.isfile(file):
        raise UserError(f"font={settings.font}: there is no such file; type the path of a .ttf or .otf file")
    face = Face(file)
    try:
        there = facts(face).characters
    except Exception as error:  # damaged fonts raise errors of many types
        raise UserError(f"font={settings.font}: it cannot be read ({in_one_line(error)}); type another file") from error
    wanted = settings.glyphs or "".join(one for one in SAMPLE if one in there) or "".join(form.characters[:8])
    return form.draw(face, list(dict.fromkeys(wanted)))


def _characters(settings: Stylize, form: GlyphFormat) -> list[str]:
    """Returns the characters of a sheet or a font: those typed, or those of the run, as far as the content font has
    them."""
    if settings.characters is None:
        found: Sequence[str] = form.characters
    else:
        try:
            found = characters_of(settings.characters)
        except UserError:  # no name and no file: the characters themselves
            found = characters_of(tuple(dict.fromkeys("".join(settings.characters.split()))))
    there = [one for one in found if form.has(one)]
    if not there:
        raise UserError("characters: the content font has none of them; type content=… for a font that has")
    return there


def _place(settings: Stylize, checkpoint: Path) -> Path:
    """Returns the path of the result, which does not exist yet. Raises UserError."""
    if settings.out is None:
        run = Path(settings.run) if settings.run != "latest" else checkpoint.parent.parent
        return run_folder.unused((run / "samples" if run.is_dir() else Path()) / f"{settings.mode}.png")
    path = Path(os.path.expanduser(settings.out))
    if path.suffix.lower() not in (*PICTURES, ".ttf"):
        raise UserError(f"out={settings.out}: it ends in none of {', '.join(PICTURES)}, .ttf; type a name that does")
    if path.exists():
        raise UserError(f"out={settings.out}: the file exists already; type another name")
    return path


def _save_font(settings: Stylize, stylist: Stylist, path: Path) -> None:
    characters = _characters(settings, stylist.form)
    glyphs = stylist.draw(characters)
    origin = f"drawn by {stylist.generator.description}"
    count = save_font(path, stylist.form, characters, glyphs, settings.name or path.stem, origin)
    blank = f"; {len(characters) - count} were blank and are left out" if count < len(characters) else ""
    print(f"{count} glyphs{blank}")
