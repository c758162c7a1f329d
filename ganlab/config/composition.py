"""Composes overrides in Hydra's form to plain values, and reads the option files that they name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml
from hydra._internal import defaults_list as of_hydra
from hydra._internal.defaults_list import create_defaults_list
from hydra.core.default_element import ResultDefault
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from ganlab.config.explain import CONFIG_NAME, explained
from ganlab.config.overrides import Overrides
from ganlab.errors import BAD_VALUE, Refused, in_one_line

_interpolation_map = of_hydra._create_interpolation_map


def _map_where_needed(overrides: Any, defaults_list: list[Any], self_added: bool) -> DictConfig:
    """Returns the choices so far, in the place of Hydra's function, which collects them for each file of a composition:
    a fifth of its time. They are of use where a defaults list has an interpolation, ``loss: ${other}``."""
    if any(one.is_interpolation() for one in defaults_list):
        return _interpolation_map(overrides, defaults_list, self_added)
    return OmegaConf.create()


of_hydra._create_interpolation_map = _map_where_needed


class Composition(Overrides):
    """The configuration that Hydra composes of ganlab's option files and a person's own. Hydra must be initialized."""

    def compose(self, rewritten: Sequence[str]) -> dict[str, Any]:
        """Returns the composed plain values. Raises Refused, with one line, if Hydra cannot compose them."""
        return self.composed(rewritten)[0]

    def composed(self, rewritten: Sequence[str]) -> tuple[dict[str, Any], list[tuple[str, str, str]]]:
        """Returns the composed plain values, and group, option and parent (``loss/wgan_gp``) of every option file of
        ganlab that they are composed of. Raises Refused as ``compose`` does."""
        try:
            config, defaults = self._composed_by_hydra(list(rewritten))
            plain = OmegaConf.to_container(config, resolve=True)
        except (HydraException, OmegaConfBaseException, yaml.YAMLError) as error:
            raise Refused([explained(error, self.options)]) from None
        except RecursionError:
            raise Refused(["a recipe names itself in its defaults list"]) from None
        except (*BAD_VALUE, AssertionError, OSError) as error:  # errors in a file that Hydra does not catch
            raise Refused([f"a recipe or option file cannot be read ({in_one_line(error)})"]) from None
        assert isinstance(plain, dict)
        return {str(key): value for key, value in plain.items()}, _options_in(defaults)

    def _composed_by_hydra(self, rewritten: list[str]) -> tuple[DictConfig, list[ResultDefault]]:
        """Returns ganlab's part of the configuration, unresolved, and the files that it is composed of. These are the
        steps of Hydra's ``compose`` without its own settings; it does not say which files there were, and a second
        list of them takes as long as the composition."""
        loader: Any = self.loader
        overrides, repository = loader._parse_overrides_and_create_caching_repo(CONFIG_NAME, rewritten)
        loader.validate_sweep_overrides_legal(overrides, RunMode.RUN, from_shell=False)
        found = create_defaults_list(repository, CONFIG_NAME, overrides, prepend_hydra=True, skip_missing=False)
        config = loader._compose_config_from_defaults_list(found.defaults, repository)
        OmegaConf.set_struct(config, True)
        loader._apply_overrides_to_config(found.config_overrides, config)
        with open_dict(config):
            config.pop("hydra", None)
        return config, found.defaults

    def chosen(self, rewritten: Sequence[str]) -> list[tuple[str, str, str]]:
        """Returns group, option and parent of every option file of ganlab, as ``composed`` does, but composes
        nothing."""
        return _options_in(self.loader.compute_defaults_list(CONFIG_NAME, list(rewritten), RunMode.RUN).defaults)

    def text_of(self, path: str) -> dict[str, Any]:
        """Returns the content of an option file without its defaults list."""
        found = self.loader.repository.load_config(path)  # type: ignore[attr-defined]
        text = OmegaConf.to_container(found.config, resolve=False) if found is not None else {}
        return {str(key): value for key, value in text.items()} if isinstance(text, dict) else {}


def _options_in(defaults: Sequence[ResultDefault]) -> list[tuple[str, str, str]]:
    paths = [((one.config_path or "").partition("/"), one.parent or "") for one in defaults]
    return [(group, option, parent) for (group, _, option), parent in paths if option and group != "hydra"]
