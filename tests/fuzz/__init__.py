"""Random input, by hypothesis: a little of it in every run of the tests, much of it in ``make test-all``."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from ganlab.errors import UserError


def refusal(do: Callable[[], object]) -> str | None:
    """The sentence with which something was refused; None where it was done. Any other exception is a finding."""
    try:
        do()
    except UserError as error:
        return str(error)
    return None


SLOW_MACHINES = (HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large)


def quick(examples: int) -> settings:
    """The same examples in every run, so that nobody's change fails for somebody else's reason."""
    return settings(
        max_examples=examples, derandomize=True, database=None, deadline=None, suppress_health_check=SLOW_MACHINES
    )


def long(examples: int) -> settings:
    """Others in every run; one that fails is printed so that it can be tried again."""
    return settings(
        max_examples=examples, database=None, deadline=None, print_blob=True, suppress_health_check=SLOW_MACHINES
    )


# Numbers that are usual, that are the first beyond what is allowed, and that no machine has room for; none between, of
# which a machine has too little and begins to swap.
NUMBERS = (
    st.sampled_from([0, 1, -1, 2, 3, 4, 8, 2**31, 2**63 - 1, 2**63, 10**12, 10**30, -(10**30), 10**400])
    | st.sampled_from([0.0, -0.0, 0.5, 1.0, 1e-300, 1e300, float("inf"), float("-inf"), float("nan")])
    | st.integers(-5, 20)
)
TEXTS = st.sampled_from([
    "", " ", "auto", "none", "null", "true", "1e5", "0x10", "nan", "-1", "${oc.env:HOME}", "${", "}", "[", "{a: 1}", "a.b",
    "name", "..", "/", "~", "\x00", "\x1b[2J", "ß", "日本", "\U0001f600", "\ud800", "a" * 10_000, "__class__", "_target_",
    "9" * 5000, "1e999", "١٢", "１２", "\u202e",
]) | st.text(max_size=12)  # fmt: skip
LEAVES = st.none() | st.booleans() | NUMBERS | TEXTS
