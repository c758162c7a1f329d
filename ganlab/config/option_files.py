"""Reads option files and recipes for Hydra: with a byte-order mark too, and with a sentence for what cannot be read.

Hydra reads UTF-8 alone. Editors on Windows write UTF-8 or UTF-16 with a byte-order mark, after which Hydra overlooks
the package in the first line or fails to decode the file.
"""

from __future__ import annotations

import codecs
import io
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from hydra._internal.core_plugins import file_config_source
from hydra._internal.sources_registry import SourcesRegistry
from hydra.plugins.config_source import ConfigLoadError, ConfigResult
from omegaconf import DictConfig, OmegaConf
from omegaconf._utils import get_yaml_loader

from ganlab.config.outline import known_settings
from ganlab.config.schema import hints
from ganlab.errors import BAD_VALUE, Refused, in_one_line

PACKAGE = "# @package _global_"
SPREAD = ("experiment", "tricks", "study")
"""Groups whose files set values of all other groups, and therefore need the package ``_global_``."""

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is the beginning of this one
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class FileConfigSource(file_config_source.FileConfigSource):
    """Hydra's reader of a folder of option files, with the encodings and messages of this module. Its name is that of
    Hydra's class, which it replaces."""

    # Hydra's own resolve all links first, several hundred times for a composition, with the same answer.
    def is_group(self, config_path: str) -> bool:
        return os.path.isdir(os.path.join(self.path, config_path))

    def is_config(self, config_path: str) -> bool:
        return os.path.isfile(os.path.join(self.path, self._normalize_file_name(config_path)))

    def load_config(self, config_path: str) -> ConfigResult:
        path = os.path.realpath(os.path.join(self.path, self._normalize_file_name(config_path)))
        if not os.path.exists(path):
            raise ConfigLoadError(f"Config not found : {path}")
        text = decoded(Path(path).read_bytes(), path)
        header = self._get_header_dict(text[:512])
        _need_package(config_path.partition("/")[0], header["package"], text, path)
        stream = io.StringIO(text)
        stream.name = path  # type: ignore[misc]  # for messages of the YAML parser
        config = _parsed(stream, path)
        if not isinstance(config, DictConfig):
            raise Refused([f"{path}: found a list, need settings such as steps: 500"])
        return ConfigResult(config=config, path=f"{self.scheme()}://{self.path}", provider=self.provider, header=header)


SourcesRegistry.instance().types["file"] = FileConfigSource


def decoded(raw: bytes, path: str) -> str:
    """Returns the text of a file in UTF-8, or in an encoding that a byte-order mark names. Raises Refused."""
    encoding = next((name for mark, name in MARKS if raw.startswith(mark)), "utf-8")
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        found = f"found the byte 0x{raw[error.start]:02x}, which is no letter in {encoding.upper()}"
        raise Refused([f"{path}, line {line}: {found}; save the file in the encoding UTF-8"]) from None


def _need_package(group: str, package: str | None, text: str, path: str) -> None:
    """Raises Refused for a recipe or trick whose settings would be read as those of its own group."""
    known = package is not None and (package.partition(".")[0] == "_global_" or package in hints(known_settings()))
    if group not in SPREAD or known:
        return
    if package is not None:
        found = f"found # @package {package}"
    elif later := re.search(r"^\s*#\s*@package\s+_global_\s*$", text, re.MULTILINE):
        found = f"found {PACKAGE} in line {text[: later.start() + 1].count(chr(10)) + 1} only"
    else:
        found = "it does not say that its settings belong to the whole configuration"
    raise Refused([f"{path}: {found}; write {PACKAGE} as its first line"])


def _parsed(stream: io.StringIO, path: str) -> Any:
    """Returns the content of a file. Raises Refused if it is not YAML, or not settings."""
    if (config := _parsed_by_libyaml(stream)) is not None:
        return config
    try:
        return OmegaConf.load(stream)
    except yaml.YAMLError as error:
        raise Refused([yaml_problem(error) or f"{path}: not YAML ({in_one_line(error)})"]) from None
    except (*BAD_VALUE, RecursionError, OSError) as error:  # OSError: a file that is one value
        raise Refused([f"{path}: it cannot be read as settings ({in_one_line(error)})"]) from None


def _parsed_by_libyaml(stream: io.StringIO) -> Any:
    """Returns what ``OmegaConf.load`` does, in an eighth of the time; None where PyYAML was built without its parser in
    C, or where the content is not settings, about which the parser in Python has better messages."""
    try:
        content = _content(stream.getvalue())
        return OmegaConf.create(content) if isinstance(content, dict) else None
    except (yaml.YAMLError, *BAD_VALUE, RecursionError):
        return None


@lru_cache(maxsize=512)  # the jobs of a sweep are composed of the same files
def _content(text: str) -> Any:
    if (loader := _libyaml()) is None:
        return None
    parser = loader(text)
    try:
        return parser.get_single_data()
    finally:
        parser.dispose()


@lru_cache(maxsize=1)
def _libyaml() -> Any:
    """Returns OmegaConf's safe loader, which makes plain values alone, with the parser in C; None if there is none."""
    if not hasattr(yaml, "CSafeLoader"):
        return None
    from yaml._yaml import CParser

    own: Any = get_yaml_loader()

    class Loader(CParser, own):  # type: ignore[misc]
        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            yaml.constructor.SafeConstructor.__init__(self)
            yaml.resolver.Resolver.__init__(self)

    return Loader


def yaml_problem(error: yaml.YAMLError) -> str | None:
    """Returns a sentence on a file that is not YAML; None if the error does not name the file."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        if isinstance(error, yaml.reader.ReaderError):
            return f"{error.name}: found the character #x{error.character:04x}, which YAML does not allow; remove it"
        return None
    problem = str(getattr(error, "problem", ""))
    if duplicate := re.match(r"found duplicate key (.*)", problem):
        problem = f"the key {duplicate[1]} is there twice; leave one out"
    elif "'\\t'" in problem:
        problem = "found a tab, which YAML does not allow there; indent with spaces"
    else:
        problem = f"not YAML ({problem})"
    return f"{mark.name}, line {mark.line + 1}: {problem}"
