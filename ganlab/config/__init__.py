"""Configuration: plain values in, typed objects out, everything wrong told at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ganlab.config import auto, rules
from ganlab.config.parse import dump, parse
from ganlab.config.settings import Settings
from ganlab.errors import Refused


class CannotCombine(Refused):
    """Settings that are each well formed and cannot run together, or not on this machine."""


@dataclass(frozen=True)
class Configuration:
    """Settings that can run: parsed, with no ``auto`` left, and judged."""

    settings: Settings
    chosen: Mapping[str, Any]
    """What ``auto`` came to, by full key."""
    warnings: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """The settings as dicts, lists, numbers and strings; ``configure`` reads them back to the same."""
        plain: dict[str, Any] = dump(Settings, self.settings)
        return plain


def configure(plain: Mapping[str, Any], suggestions: Mapping[str, str] | None = None) -> Configuration:
    """The configuration that ``plain`` describes. Raises Refused with everything that is wrong in it, CannotCombine
    where every setting is well formed alone."""
    settings, chosen = auto.resolve(parse(Settings, plain, suggestions))
    findings = rules.check(settings)
    if findings.refusals:
        raise CannotCombine(findings.refusals)
    return Configuration(settings, chosen, tuple(findings.warnings))


__all__ = ["CannotCombine", "Configuration", "Settings", "configure", "parse"]
