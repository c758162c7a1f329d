"""Composes overrides in Hydra's form to plain values, and reads the option files that they name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml
from hydra import compose as hydra_compose
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ganlab.config.explain import CONFIG_NAME, explained
from ganlab.config.overrides import Overrides
from ganlab.errors import BAD_VALUE, Refused, in_one_line


class Composition(Overrides):
    """The configuration that Hydra composes of ganlab's option files and a person's own. Hydra must be initialized."""

    def compose(self, rewritten: Sequence[str]) -> dict[str, Any]:
        """Returns the composed plain values. Raises Refused, with one line, if Hydra cannot compose them."""
        try:
            composed = hydra_compose(CONFIG_NAME, list(rewritten))
            plain = OmegaConf.to_container(composed, resolve=True)
        except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
            raise Refused([explained(error, self.options)]) from None
        except RecursionError:
            raise Refused(["a recipe names itself in its defaults list"]) from None
        except (*BAD_VALUE, AssertionError, OSError) as error:  # errors in a file that Hydra does not catch
            raise Refused([f"a recipe or option file cannot be read ({in_one_line(error)})"]) from None
        assert isinstance(plain, dict)
        return {str(key): value for key, value in plain.items()}

    def chosen(self, rewritten: Sequence[str]) -> list[tuple[str, str, str]]:
        """Returns group, option and parent (``loss/wgan_gp``) of every option file of ganlab that is composed."""
        defaults = self.loader.compute_defaults_list(CONFIG_NAME, list(rewritten), RunMode.RUN).defaults
        paths = [((one.config_path or "").partition("/"), one.parent or "") for one in defaults]
        return [(group, option, parent) for (group, _, option), parent in paths if option and group != "hydra"]

    def text_of(self, path: str) -> dict[str, Any]:
        """Returns the content of an option file without its defaults list."""
        found = self.loader.repository.load_config(path)  # type: ignore[attr-defined]
        text = OmegaConf.to_container(found.config, resolve=False) if found is not None else {}
        return {str(key): value for key, value in text.items()} if isinstance(text, dict) else {}
