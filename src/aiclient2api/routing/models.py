"""Names to models: prefixes, aliases, the catalogue of all configured providers.

Enters: the name a client sent, a provider asked for by path or header. Leaves: a Route.
Refuses: a provider that is not configured; never guesses another model for a name that nobody lists.
"""

import contextlib
import difflib
import re
from collections.abc import Mapping, Sequence

import msgspec

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.model import Model
from aiclient2api.providers.base import Provider


class Offer(msgspec.Struct, frozen=True):
    """A configured provider and the models it offers now."""

    provider: Provider
    models: tuple[Model, ...]


class Route(msgspec.Struct, frozen=True):
    """`requested` is the name the client sent, which is the name it gets back."""

    provider: Provider
    model: Model
    requested: str


_MODEL_ID = re.compile(r"[a-zA-Z0-9_:./@+\[\]-]{1,256}")


def resolve(requested: str, hint: str | None, offers: Sequence[Offer], aliases: Mapping[str, str]) -> Route:
    """Where a request for `requested` goes.

    `hint` (path prefix or Model-Provider header) wins over a `provider:` prefix of the name; without either the first
    provider that lists the model serves it. A name that nobody lists goes to the asked or first provider as it is:
    vendors add models faster than lists are read, and an unknown name is the vendor's to refuse.
    """
    by_name = {offer.provider.name: offer for offer in offers}
    name = aliases.get(requested, requested)
    prefix, colon, rest = name.partition(":")
    if colon and prefix in by_name:
        hint, name = hint or prefix, rest
    candidates = list(offers) if hint is None else [_offer(hint, by_name)]
    if not candidates:
        raise GatewayError("login_required", "No provider is configured.")
    for offer in candidates:
        model = offer.provider.resolve(name, offer.models)
        if model is not None:
            return Route(offer.provider, model, requested)
    if _MODEL_ID.fullmatch(name) is None:
        raise unknown_model(requested, offers)
    provider = candidates[0].provider
    return Route(provider, provider.unlisted(name), requested)


def _offer(name: str, by_name: Mapping[str, Offer]) -> Offer:
    offer = by_name.get(name)
    if offer is None:
        there = ", ".join(by_name)
        raise GatewayError("not_found", f"The provider {name!r} is not configured. Configured: {there}.")
    return offer


def unknown_model(requested: str, offers: Sequence[Offer]) -> GatewayError:
    """The error for a name that cannot be a model's, with the nearest names that can."""
    near = difflib.get_close_matches(requested[:256], [model.id for offer in offers for model in offer.models], 3)
    hint = f" Did you mean {', '.join(near)}?" if near else " GET /v1/models lists what there is."
    return GatewayError("model_not_found", f"There is no model {requested[:80]!r} here.{hint}", param="model")


def listed(offers: Sequence[Offer], aliases: Mapping[str, str]) -> list[tuple[str, Model]]:
    """(name, model) of everything that /v1/models shows, each name once: models, providers' aliases, user's aliases.

    A user's alias with the name of a model stands for what it leads to, as in `resolve`.
    """
    out: dict[str, Model] = {}
    for offer in offers:
        for model in offer.models:
            out.setdefault(model.id, model)
        for alias in offer.provider.aliases():
            model_of_alias = offer.provider.resolve(alias, offer.models)
            if model_of_alias is not None:
                out.setdefault(alias, model_of_alias)
    for alias in aliases:
        with contextlib.suppress(GatewayError):  # one that leads nowhere: whoever asks for it is told so
            out[alias] = resolve(alias, None, offers, aliases).model
    return list(out.items())
