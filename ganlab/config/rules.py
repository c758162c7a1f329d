"""Whether a configuration can run: refused before it starts, with the reasons and what to type instead.

Where behaviour can decide, it does: the networks are built and asked, so that a new component needs no rule of its own.
"""

from __future__ import annotations

from ganlab.config.build import build_discriminator, build_generator
from ganlab.config.combinations import RULES, Verdict
from ganlab.config.settings import Settings
from ganlab.errors import UserError
from ganlab.networks import DISCRIMINATORS, GENERATORS, DiscriminatorModule


def judge(settings: Settings) -> Verdict:
    """What speaks against resolved ``settings``. Nothing is written, and no data is read but to see that it is
    there."""
    verdict = Verdict()
    for available in (settings.runtime.resolve, settings.data.check):
        try:
            available()
        except UserError as error:
            verdict.refusals.append(str(error))
    discriminator = _networks_fit(settings, verdict)
    for rule in RULES:
        rule(settings, discriminator, verdict)
    return verdict


def _networks_fit(settings: Settings, verdict: Verdict) -> DiscriminatorModule | None:
    """Size × strides, and norms where they make no sense: building says so."""
    discriminator = None
    try:
        build_generator(settings)
    except (RuntimeError, MemoryError):  # PyTorch's allocator, or a shape beyond its range
        verdict.refusals.append("generator: it needs more memory than this machine has; type smaller widths or sizes")
    except ValueError as error:
        verdict.refusals.append(f"generator={GENERATORS.name_of(settings.generator)}: {error}")
    try:
        discriminator = build_discriminator(settings)
    except (RuntimeError, MemoryError):
        verdict.refusals.append(
            "discriminator: it needs more memory than this machine has; type smaller widths or sizes"
        )
    except ValueError as error:
        verdict.refusals.append(f"discriminator={DISCRIMINATORS.name_of(settings.discriminator)}: {error}")
    # Both say the same of an image's size.
    reasons = {refusal.partition(": ")[2]: refusal for refusal in reversed(verdict.refusals)}
    verdict.refusals = list(reversed(reasons.values()))
    return discriminator
