"""Configuration: converts plain values to typed settings, and reports all problems at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ganlab.config import auto, rules
from ganlab.config.dump import dump
from ganlab.config.parse import parse
from ganlab.config.settings import Settings
from ganlab.errors import Refused


class CannotCombine(Refused):
    """Raised for settings that are each valid but cannot be used together, or not on this machine."""


@dataclass(frozen=True)
class Configuration:
    """Settings that can run: parsed, without any ``auto``, and checked by all rules."""

    settings: Settings
    chosen: Mapping[str, Any]
    """The values that ``auto`` was resolved to, by full key."""
    warnings: tuple[str, ...]
    lifted: tuple[str, ...] = ()
    """The refusals that ``rules=warn`` has lifted, which are among the warnings too."""

    def plain(self) -> dict[str, Any]:
        """Returns the settings as dicts, lists, numbers and strings; ``configure`` converts them back to equal
        settings."""
        plain: dict[str, Any] = dump(Settings, self.settings)
        return plain


def configure(plain: Mapping[str, Any], suggestions: Mapping[str, str] | None = None) -> Configuration:
    """Parses, resolves and checks the configuration that ``plain`` describes. Raises Refused with all its problems,
    or CannotCombine if each setting alone is valid."""
    settings, chosen = auto.resolve(parse(Settings, plain, suggestions))
    findings = rules.check(settings)
    if settings.rules == "warn":
        findings.lift()
    if findings.refusals:
        lifted = ", or rules=warn to train it all the same"
        raise CannotCombine(one + lifted * (one in findings.advice) for one in findings.refusals)
    lifted_rules = tuple(findings.advice) if settings.rules == "warn" else ()
    return Configuration(settings, chosen, tuple(findings.warnings), lifted_rules)
