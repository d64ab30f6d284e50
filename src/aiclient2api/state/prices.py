"""What a request cost in US dollars, from a table of list prices with its date.

Enters: the family of prices (whose price list; found by base URL), the model as the provider knows it, the Usage, the
time. Leaves: dollars, or None where the table does not know the model or one of the things used: never a guess. The
table is read when the first price is asked for, and of it only the families that are asked for are kept.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import resources

import msgspec

from aiclient2api.canonical.usage import Usage

Amount = float | tuple[float | tuple[int, float], ...]
"""Dollars per million tokens; or the base price and (more input tokens than, price) in rising order."""

_MAX_KNOWN = 1024


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """Prices that hold from `since` (a date) on and, if `hours` are given, only between those ("01:00", "04:00", UTC).
    `searches` is dollars per thousand."""

    since: str = ""
    hours: tuple[str, str] | None = None
    input: Amount | None = None
    cache_read: Amount | None = None
    cache_write: Amount | None = None
    cache_write_1h: Amount | None = None
    output: Amount | None = None
    searches: float | None = None


class PricedModel(msgspec.Struct, frozen=True, array_like=True):
    """`names` are names in lower case, with a `*` in front or at the end for anything, or regular expressions that
    begin with `^`. Of `prices` the last that holds counts."""

    names: tuple[str, ...]
    prices: tuple[Price, ...]


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """One price list: `address` is a pattern for base URLs; `also`: families whose models it sells at their price."""

    name: str
    address: str
    also: tuple[str, ...] = ()
    models: msgspec.Raw


class PriceTable(msgspec.Struct, frozen=True, kw_only=True):
    date: str
    source: str
    families: tuple[Family, ...]


class Prices:
    """`families` says whose prices a provider of ours has; one that is not in it (a subscription, a server of one's
    own) has no price."""

    def __init__(self, families: Mapping[str, str]) -> None:
        self._families = families
        self._models: dict[str, tuple[PricedModel, ...]] = {}
        self._found: dict[tuple[str, str], PricedModel | None] = {}

    def cost(self, provider: str | None, model: str | None, usage: Usage | None, time: float) -> float | None:
        """Dollars for one request that began at `time`."""
        family = self._families.get(provider or "")
        if family is None or not model or usage is None:
            return None
        place = (family, model.lower())
        if place not in self._found:
            if len(self._found) >= _MAX_KNOWN:
                self._found.clear()
            self._found[place] = self._find(*place)
        priced = self._found[place]
        price = None if priced is None else holding(priced.prices, time)
        return None if price is None else _cost(price, usage)

    def _find(self, family: str, model: str) -> PricedModel | None:
        for each in self._of_family(family):
            if any(_matches(name, model) for name in each.names):
                return each
        return None

    def _of_family(self, name: str) -> tuple[PricedModel, ...]:
        if name not in self._models:
            families = {each.name: each for each in table().families}
            family = families.get(name)
            lists = [] if family is None else [family, *(families[other] for other in family.also)]
            self._models[name] = tuple(
                model for each in lists for model in msgspec.json.decode(each.models, type=tuple[PricedModel, ...])
            )
        return self._models[name]


def table() -> PriceTable:
    """The whole table, the models of each family still undecoded."""
    return msgspec.json.decode(resources.files(__package__).joinpath("prices.json").read_bytes(), type=PriceTable)


def family_at(base_url: str) -> str | None:
    """Whose prices hold at a base URL; None for an address that nobody sells at."""
    return next((family.name for family in table().families if re.match(family.address, base_url)), None)


def _matches(name: str, model: str) -> bool:
    if name.startswith("^"):
        return re.match(name, model) is not None
    if name.startswith("*"):
        return name[1:-1] in model if name.endswith("*") else model.endswith(name[1:])
    return model.startswith(name[:-1]) if name.endswith("*") else model == name


def holding(prices: tuple[Price, ...], time: float) -> Price | None:
    """The price in force at a time (epoch seconds): the last that has begun and whose hour it is."""
    if len(prices) == 1 and not prices[0].since and prices[0].hours is None:
        return prices[0]
    moment = datetime.fromtimestamp(time, UTC)
    day, hour = moment.strftime("%Y-%m-%d"), moment.strftime("%H:%M")
    for price in reversed(prices):
        if price.since <= day and (price.hours is None or price.hours[0] <= hour < price.hours[1]):
            return price
    return None


def _cost(price: Price, usage: Usage) -> float | None:
    """A cache has its input's price where it has none of its own."""
    cache_write = price.input if price.cache_write is None else price.cache_write
    parts = (
        (usage.fresh, price.input),
        (usage.cache_read, price.input if price.cache_read is None else price.cache_read),
        (usage.cache_write, cache_write),
        (usage.cache_write_1h, cache_write if price.cache_write_1h is None else price.cache_write_1h),
        (usage.output, price.output),
    )
    total = 0.0
    for tokens, amount in parts:
        if tokens and amount is None:
            return None
        total += tokens * _rate(amount, usage.input) / 1e6 if amount is not None else 0.0
    if usage.web_searches and price.searches is None:
        return None
    return round(total + usage.web_searches * (price.searches or 0.0) / 1e3, 9)


def _rate(amount: Amount, tokens: int) -> float:
    """The price at a length of input: beyond a threshold it holds for all tokens, not only for those beyond."""
    if not isinstance(amount, tuple):
        return amount
    rate = 0.0
    for part in amount:
        if not isinstance(part, tuple):
            rate = part
        elif tokens > part[0]:
            rate = part[1]
    return rate
