"""Where a request goes when nobody at its provider can serve it: the user's chains and mappings, as an order.

Enters: the first target, providerFallbackChain, modelFallbackMapping. Leaves: every target once, so no loop is
possible. A provider of a chain that does not offer the model is passed over; what a mapping names is taken at its word.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from aiclient2api.canonical.errors import GatewayError

MAX_TARGETS = 16
"""More would not be tried inside any deadline."""


class Target(msgspec.Struct, frozen=True):
    """A provider and one of its models, by name."""

    provider: str
    model: str


class Step(msgspec.Struct, frozen=True):
    """A target and why it is tried, in words."""

    target: Target
    reason: str


def order(
    first: Target,
    chains: Mapping[str, Sequence[str]],
    mapping: Mapping[str, Target],
    offers: Callable[[Target], bool],
) -> tuple[Step, ...]:
    """What to try, in this order: `first`; the providers of its chain with the same model, and of their chains; then
    what the model is mapped to, and the same again from there. `offers` says whether a provider has a model."""
    steps = [Step(first, "asked for")]
    seen = {first}
    unmapped = 0
    at = 0
    while at < len(steps) and len(steps) < MAX_TARGETS:
        here = steps[at].target
        for provider in chains.get(here.provider, ()):
            target = Target(provider, here.model)
            if target not in seen and offers(target):
                seen.add(target)
                steps.append(Step(target, f"providerFallbackChain of {here.provider}"))
        at += 1
        while at == len(steps) and unmapped < len(steps):  # the chains are at their end
            model = steps[unmapped].target.model
            mapped = mapping.get(model)
            unmapped += 1
            if mapped is not None and mapped not in seen:
                seen.add(mapped)
                steps.append(Step(mapped, f"modelFallbackMapping of {model}"))
    return tuple(steps[:MAX_TARGETS])


def falls_over(error: GatewayError) -> bool:
    """Whether another provider may do what this one could not: not for the client's own mistakes, nor for ours."""
    return error.blame in ("credential", "provider")
