"""What is counted of every request: one look at the ledger's entry when it has ended, and nothing before.

Enters: an Entry, or that a request was none for a model. Leaves: families at a scrape. Labels are bounded: dialects,
providers, kinds of errors and models that are listed or configured; any other name of a client is "other". A client's
key or text is never among them.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from aiclient2api.canonical.usage import Usage
from aiclient2api.observe.exposition import Family
from aiclient2api.observe.metrics import Histogram, counter, histogram
from aiclient2api.state.limits import RULES
from aiclient2api.state.rows import Entry
from aiclient2api.state.trail import Step

SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0)
"""From a cache's answer to the longest thinking."""
MAX_MODELS = 50
"""Models with series of their own, over all providers; the next ones are counted as "other"."""
MAX_NAMES = 1000
NONE, OTHER = "none", "other"
CLIENT_LEFT = 499
_MOST = 2**53
"""What every reader of numbers keeps exactly."""
_TOKENS = ("input", "cache_read", "cache_write", "output")
_LIMITS = {f"key_{rule.name}": rule.name for rule in RULES}
_POOL = "pool_"
_UNPLACED = frozenset({"unserved", "full", "tried", "resting"})

Known = Callable[[str, str], bool]
"""Whether a provider has a model: listed by it, or named in the settings."""


class _Model:
    """One model of a provider, whoever asked for it."""

    __slots__ = ("credits", "estimated", "first", "hits", "name", "reasoning", "tokens", "total")

    def __init__(self, name: tuple[str, str]) -> None:
        self.name = name
        self.first = Histogram(SECONDS)
        self.total = Histogram(SECONDS)
        self.tokens = [0, 0, 0, 0]
        self.reasoning = self.estimated = self.hits = 0
        self.credits = 0.0

    def use(self, usage: Usage) -> None:
        """What is no count is left out: an upstream may report anything, and a counter must not fall."""
        tokens = self.tokens
        if 0 < usage.fresh < _MOST:
            tokens[0] += usage.fresh
        if 0 < usage.output < _MOST:
            tokens[3] += usage.output
        if 0 < usage.cache_read < _MOST:
            tokens[1] += usage.cache_read
        if usage.cache_write or usage.cache_write_1h:
            tokens[2] += sum(each for each in (usage.cache_write, usage.cache_write_1h) if 0 < each < _MOST)
        if 0 < usage.reasoning < _MOST:
            self.reasoning += usage.reasoning
        if usage.estimated:
            self.estimated += 1
        if usage.credits is not None and 0 < usage.credits < _MOST:
            self.credits += usage.credits


class _Row:
    """One model in one dialect: how often it ended with which status."""

    __slots__ = ("model", "statuses")

    def __init__(self, model: _Model) -> None:
        self.model = model
        self.statuses: dict[int, int] = {}


class Tally:
    """One per gateway, used by the loop's thread."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._quick: dict[tuple[str, str | None, str | None], _Row] = {}
        self._rows: dict[tuple[str, str, str], _Row] = {}
        self._models: dict[tuple[str, str], _Model] = {}
        self._others: dict[int, int] = {}
        self._errors: Counter[tuple[str, ...]] = Counter()
        self._attempts: Counter[tuple[str, ...]] = Counter()
        self._faults: Counter[tuple[str, ...]] = Counter()
        self._fallbacks: Counter[tuple[str, ...]] = Counter()
        self._unplaced: Counter[tuple[str, ...]] = Counter()
        self._limits: Counter[tuple[str, ...]] = Counter({(name,): 0 for name in _LIMITS.values()})
        self._out_of_budget = 0

    # --- at the end of each request

    def add(self, entry: Entry) -> None:
        """A request for an answer of a model has ended."""
        row = self._quick.get((entry.dialect, entry.provider, entry.model_served))
        if row is None:
            row = self._row(entry.dialect, entry.provider, entry.model_served)
        status, model, statuses = entry.status, row.model, row.statuses
        statuses[status] = statuses.get(status, 0) + 1
        if status < 400:
            model.total.add(entry.total_seconds)
        if entry.first_seconds is not None:
            model.first.add(entry.first_seconds)
        if entry.usage is not None:
            model.use(entry.usage)
        if entry.cached:
            model.hits += 1
        story = entry.story
        if entry.error_kind is not None or (story is not None and len(story.steps) > 1):
            self._trouble(entry, story.steps if story is not None else (), story.mark if story is not None else "")
        elif entry.attempts:
            self._attempts[model.name[:1]] += entry.attempts

    def other(self, status: int, error_kind: str | None) -> None:
        """A request has ended that asked for something else, or was refused before anybody knew what for."""
        self._others[status] = self._others.get(status, 0) + 1
        if error_kind is not None:
            self._errors[NONE, error_kind] += 1

    def _row(self, dialect: str, provider: str | None, model: str | None) -> _Row:
        """What a name is counted as is looked up once between two scrapes: it may be known later."""
        named = NONE if model is None else OTHER
        known = model is None or provider is None or self._known(provider, model)
        if known and model is not None:
            has_room = (provider or NONE, model) in self._models or len(self._models) < MAX_MODELS
            named = model if has_room else OTHER
        name = (dialect, provider or NONE, named)
        row = self._rows.get(name)
        if row is None:
            its_model = self._models.get(name[1:])
            if its_model is None:
                its_model = self._models[name[1:]] = _Model(name[1:])
            row = self._rows[name] = _Row(its_model)
        if len(self._quick) >= MAX_NAMES:
            self._quick.clear()
        self._quick[dialect, provider, model] = row
        return row

    def _trouble(self, entry: Entry, steps: Sequence[Step], mark: str) -> None:
        """Not everything went well. An attempt that failed has left a step, one that did not fail has left none."""
        provider = ""
        for step in steps:
            if step.do == "chosen":
                if provider and provider != step.provider:
                    self._fallbacks[provider, step.provider] += 1
                provider = step.provider
            elif step.do == "stopped":
                self._out_of_budget += 1
            elif step.do == "failed" and not self._is_unplaced(step.mark):
                self._faults[provider or NONE, step.kind] += 1
                self._attempts[provider or NONE,] += 1
        if entry.attempts and entry.error_kind is None and entry.provider is not None:
            self._attempts[entry.provider,] += 1
        if entry.error_kind is not None:
            self._errors[entry.dialect, entry.error_kind] += 1
        if mark in _LIMITS:
            self._limits[_LIMITS[mark],] += 1

    def _is_unplaced(self, mark: str) -> bool:
        """Whether the pool had nobody to ask, which is no fault of an upstream."""
        why = "disabled" if mark == "accounts_disabled" else mark.removeprefix(_POOL) if mark.startswith(_POOL) else ""
        if why and (why == "disabled" or why in _UNPLACED):
            self._unplaced[why,] += 1
            return True
        return False

    # --- at a scrape

    def families(self) -> Iterator[Family]:
        """All that was counted, from the beginning."""
        self._quick.clear()
        yield counter(
            "aiclient2api_requests",
            "Requests for an answer of a model, by how they ended; 499: the client left.",
            ("dialect", "provider", "model", "status"),
            _by_class({name: row.statuses for name, row in self._rows.items()}),
        )
        yield counter(
            "aiclient2api_other_requests",
            "Requests for lists and counts, and those refused before they were known to be for a model.",
            ("status",),
            _by_class({(): self._others}),
        )
        yield counter(
            "aiclient2api_request_errors",
            "Errors that clients got, by kind (docs/errors.md).",
            ("dialect", "kind"),
            self._errors,
        )
        yield from self._of_models()
        yield from self._of_upstreams()
        yield counter(
            "aiclient2api_key_limits_refused",
            "Requests that a limit of the client's key refused, by limit.",
            ("limit",),
            self._limits,
        )

    def _of_models(self) -> Iterator[Family]:
        labels, models = ("provider", "model"), self._models.values()
        yield histogram(
            "aiclient2api_first_content_seconds",
            "From the request's head to the first content of the answer.",
            labels,
            SECONDS,
            [(each.name, each.first) for each in models],
        )
        yield histogram(
            "aiclient2api_request_seconds",
            "From the request's head to the end of the answer, of requests without an error.",
            labels,
            SECONDS,
            [(each.name, each.total) for each in models],
        )
        yield counter(
            "aiclient2api_tokens",
            "Tokens; input is what was neither read from nor written to a cache, output includes reasoning.",
            (*labels, "type"),
            {
                (*each.name, kind): count
                for each in models
                if any(each.tokens)
                for kind, count in zip(_TOKENS, each.tokens, strict=True)
            },
        )
        numbers: tuple[tuple[str, str, str], ...] = (
            ("reasoning", "aiclient2api_reasoning_tokens", "Tokens of reasoning, which are among the output's."),
            ("estimated", "aiclient2api_estimated_usage", "Answers whose tokens were estimated, not told."),
            ("credits", "aiclient2api_credits", "What was charged in the provider's own unit."),
            ("hits", "aiclient2api_cache_hits", "Answers given from the response cache."),
        )
        for attribute, name, help in numbers:
            found = {each.name: getattr(each, attribute) for each in models}
            yield counter(name, help, labels, {name: number for name, number in found.items() if number})

    def _of_upstreams(self) -> Iterator[Family]:
        yield counter(
            "aiclient2api_upstream_attempts", "Calls to a provider for an answer.", ("provider",), self._attempts
        )
        yield counter(
            "aiclient2api_upstream_faults",
            "Calls to a provider that failed, by kind (docs/errors.md).",
            ("provider", "kind"),
            self._faults,
        )
        yield counter(
            "aiclient2api_fallbacks",
            "Requests that went on to another provider.",
            ("provider", "to"),
            self._fallbacks,
        )
        yield counter(
            "aiclient2api_unplaced",
            "How often no account could be asked, by why.",
            ("reason",),
            self._unplaced,
        )
        yield counter(
            "aiclient2api_retry_budget_exhausted",
            "Repeats that were not made because all requests together had made their share.",
            (),
            self._out_of_budget,
        )


def _by_class(found: Mapping[tuple[str, ...], Mapping[int, int]]) -> Counter[tuple[str, ...]]:
    classes: Counter[tuple[str, ...]] = Counter()
    for name, statuses in found.items():
        for status, count in statuses.items():
            classes[*name, str(CLIENT_LEFT) if status == CLIENT_LEFT else f"{status // 100}xx"] += count
    return classes
