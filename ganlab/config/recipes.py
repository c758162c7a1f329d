"""The precedence of typed options over a recipe and over a component that a trick changes, where Hydra merges both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.override_parser.types import Override

from ganlab.config.choices import LISTS, RECIPE, TRICKS
from ganlab.config.composition import Composition
from ganlab.config.explain import CONFIG_NAME
from ganlab.config.outline import known_settings
from ganlab.config.plain import assign, leaves, lookup
from ganlab.config.schema import hints, slot_tables, table_of
from ganlab.errors import Refused


def remove_replaced_options(
    composition: Composition,
    plain: dict[str, Any],
    read: Sequence[Override],
    own: Sequence[Override],
    chosen: Sequence[tuple[str, str, str]],
    tricks: Sequence[str],
) -> None:
    """Removes the values of a recipe that belong to options which are no longer chosen: another option was typed,
    or the loss or trick that selected the recipe's option was replaced. The recipe's tricks stay unless others
    are typed."""
    if not any(composition.is_group_choice(one) for one in read if one.key_or_group != RECIPE):
        return  # only values were typed, which choose no file
    recipe = [one.input_line or "" for one in read if one.key_or_group == RECIPE]
    before = {(group, option) for group, option, _ in composition.chosen(recipe)}
    now = {(group, option) for group, option, _ in chosen}
    without = composition.compose([*(one.input_line or "" for one in own), f"{TRICKS}=[{','.join(tricks)}]"])
    typed = [one.key_or_group for one in read]
    for group, option in before - now:
        if group not in LISTS:
            plain[group] = without[group]
        elif group in plain and not any(key.startswith(f"{group}.{option}") for key in typed):
            plain[group].pop(option, None)
    for one in own:
        if composition.is_group_choice(one) and one.key_or_group not in LISTS and one.key_or_group in without:
            plain[one.key_or_group] = without[one.key_or_group]


def remove_replaced_settings(
    composition: Composition, plain: dict[str, Any], recipe: str | None, typed: Sequence[str]
) -> None:
    """Removes the settings of a component that the recipe's own text replaces by another one: Hydra merges
    both."""
    written = composition.text_of(f"{RECIPE}/{recipe}") if recipe else {}
    for key, table in slot_tables(known_settings()) if written else ():
        ours, content = lookup(written, key), lookup(plain, key)
        name = ours.get("name") if isinstance(ours, dict) else None
        if isinstance(name, str) and name in table and isinstance(content, dict) and content.get("name") == name:
            known = {"name", *hints(table[name]), *ours}
            kept = {field: value for field, value in content.items() if field in known or f"{key}.{field}" in typed}
            assign(plain, key, kept)


def keep_settings_of_tricks(
    composition: Composition, plain: dict[str, Any], own: Sequence[Override], tricks: Sequence[str]
) -> None:
    """Applies the settings of tricks, such as a learning-rate decay, to a component that was typed for one
    network (``optimizer.generator=sgd``) and has replaced another with its settings. This includes only settings
    that the new component has and that were not typed."""
    slots = dict(slot_tables(known_settings()))
    replaced = list(dict.fromkeys(one.key_or_group for one in own if one.key_or_group in slots and one.is_force_add()))
    if not replaced:
        return
    typed = [one.key_or_group for one in own]
    others = [one.input_line or "" for one in own if not one.key_or_group.startswith(tuple(replaced))]
    before, after = composition.compose(others), composition.compose([*others, f"{TRICKS}=[{','.join(tricks)}]"])
    for key in replaced:
        old, new = (dict(leaves(lookup(tree, key), key)) for tree in (before, after))
        component = lookup(plain, key)
        name = component if isinstance(component, str) else (component or {}).get("name")
        if not isinstance(name, str) or name not in slots[key]:
            continue  # the parse reports the problem
        known = hints(slots[key][name])
        for leaf, value in new.items():
            field = leaf.removeprefix(f"{key}.").split(".")[0]
            if field in known and old.get(leaf, leaf) != value and not any(one.startswith(leaf) for one in typed):
                assign(plain, leaf, value)


def without_settings_of_default(
    composition: Composition, plain: dict[str, Any], typed: Sequence[str], options: Mapping[str, str]
) -> dict[str, Any]:
    """Removes the settings of the default option (by group in ``options``) from the settings of a plugin's
    component, which has no option file and is composed over them."""
    for group, content in plain.items():
        if (
            group in composition.options
            and isinstance(content, dict)
            and composition.is_plugins_choice(group, content.get("name"))
        ):
            table = table_of(hints(known_settings())[group])
            assert table is not None
            known = {"name", *hints(table[str(content["name"])])}
            default = composition.text_of(f"{group}/{options[group]}") if group in options else {}
            plain[group] = {
                key: value
                for key, value in content.items()
                if f"{group}.{key}" in typed
                or key == "name"
                or (key in known and (key not in default or value != default[key]))
            }
    return plain


def refuse_contradicting_tricks(composition: Composition, tricks: Sequence[str]) -> None:
    """Raises Refused if two tricks set the same key to different values: the last one would take effect without a
    message."""
    claims: dict[str, tuple[str, Any]] = {}
    problems: dict[tuple[str, str], str] = {}
    for trick in tricks:
        found = composition.loader.repository.load_config(f"{TRICKS}/{trick}")  # type: ignore[attr-defined]
        overridden = [one for one in found.defaults_list or () if getattr(one, "override", False)]
        own: dict[str, Any] = {one.group.lstrip("/"): one.value for one in overridden}
        for name, value in composition.text_of(f"{TRICKS}/{trick}").items():
            own |= dict(leaves(value, name))
        for key, value in own.items():
            other, theirs = claims.setdefault(key, (trick, value))
            if theirs != value:
                both = f"tricks=[{other},{trick}] both set {key}; leave one of them out"
                problems.setdefault((other, trick), both)
    if problems:
        raise Refused(problems.values())


def refuse_regularizers_named_twice(chosen: Sequence[tuple[str, str, str]]) -> None:
    """Raises Refused if a regularizer is chosen twice: Hydra would merge both, and the values of the option file
    would replace those of the loss, condition or trick that adds the regularizer."""
    listed: list[str] = []
    brought: dict[str, list[str]] = {}
    for group, regularizer, parent in chosen:
        if group == "regularizer":
            if parent == CONFIG_NAME:
                listed.append(regularizer)
            else:
                brought.setdefault(regularizer, []).append(parent.replace("/", "=", 1))
    problems = []
    for regularizer in dict.fromkeys([*listed, *brought]):
        by = list(dict.fromkeys(brought.get(regularizer, [])))
        if regularizer in listed and by:
            others = ",".join(other for other in listed if other != regularizer)
            instead = f"type regularizer=[{others}]" if others else "leave it out"
            problems.append(
                f"regularizer=[{','.join(listed)}] with {by[0]}, which adds {regularizer} already; {instead}, and "
                f"type regularizer.{regularizer}.weight=… for another weight"
            )
        elif listed.count(regularizer) > 1:
            once = ",".join(dict.fromkeys(listed))
            problems.append(f"regularizer=[{','.join(listed)}] names {regularizer} twice; type regularizer=[{once}]")
        elif len(by) > 1:
            problems.append(f"{by[0]} and {by[1]} both add {regularizer}; leave one of them out")
    if problems:
        raise Refused(problems)
