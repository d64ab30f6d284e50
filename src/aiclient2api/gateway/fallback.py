"""providerFallbackChain and modelFallbackMapping as routes: where a request goes when a provider cannot serve it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from aiclient2api.routing import fallback
from aiclient2api.routing.fallback import Target
from aiclient2api.routing.models import Offer, Route, resolve
from aiclient2api.settings.schema import Settings


@dataclass(frozen=True)
class Fallback:
    """Providers to try after a provider; what to try after a model, by its name."""

    chains: Mapping[str, Sequence[str]] = field(default_factory=dict)
    mapping: Mapping[str, Target] = field(default_factory=dict)

    @property
    def leads_on(self) -> bool:
        """Whether there is anything to try after a provider."""
        return bool(self.chains or self.mapping)

    def routes(self, first: Route, offers: Sequence[Offer]) -> tuple[Route, ...]:
        """`first` and what follows it, each configured; the client reads the name it asked for from all of them."""
        if not self.leads_on:
            return (first,)
        by_name = {offer.provider.name: offer for offer in offers}

        def has(target: Target) -> bool:
            offer = by_name.get(target.provider)
            return offer is not None and offer.provider.resolve(target.model, offer.models) is not None

        mapping = dict(self.mapping)
        if first.requested in mapping:
            mapping.setdefault(first.model.id, mapping[first.requested])
        _, *steps = fallback.order(Target(first.provider.name, first.model.id), self.chains, mapping, has)
        targets = [step.target for step in steps if step.target.provider in by_name]
        routes = [resolve(target.model, target.provider, offers, {}) for target in targets]
        return (first, *(msgspec.structs.replace(route, requested=first.requested) for route in routes))


def fallback_of(settings: Settings) -> Fallback:
    """From the two settings."""
    mapped = settings.model_fallback_mapping
    return Fallback(
        chains=settings.provider_fallback_chain,
        mapping={name: Target(to.target_provider, to.target_model) for name, to in mapped.items()},
    )
