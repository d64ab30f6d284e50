"""Makes state/prices.json anew from the package genai-prices, and checks it against that package's own arithmetic.

    pip install genai-prices && python -m tests.state.make_prices

The package itself is not used at run time: importing it takes 0.4 s and 22 MB (it brings pydantic and an HTTP client),
and each price 0.2 ms.
"""

import importlib
import importlib.metadata
import json
import random
import re
import sys
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from aiclient2api.canonical.usage import Usage
from aiclient2api.state import prices

TARGET = Path(prices.__file__).with_name("prices.json")
PACKAGE = "genai-prices"
WANTED = (
    "anthropic",
    "openai",
    "google",
    "azure",
    "openrouter",
    "deepseek",
    "groq",
    "cerebras",
    "mistral",
    "x-ai",
    "together",
    "fireworks",
    "moonshotai",
    "zai",
)
UNITS = {
    "input_mtok": "input",
    "cache_read_mtok": "cache_read",
    "cache_write_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "output_mtok": "output",
    "web_searches_kcount": "searches",
}


def names(clause: Any) -> list[str]:
    """A rule of the package as names with stars, or as a pattern that begins with ^."""
    forms = {"equals": "{}", "starts_with": "{}*", "ends_with": "*{}", "contains": "*{}*"}
    for attribute, form in forms.items():
        if hasattr(clause, attribute):
            return [form.format(getattr(clause, attribute).lower())]
    if hasattr(clause, "or_"):
        return [name for part in clause.or_ for name in names(part)]
    return [f"^{pattern(clause)}"]


def pattern(clause: Any) -> str:
    """A rule as a regular expression from the start of the name."""
    if hasattr(clause, "and_"):
        return "".join(f"(?={pattern(part)})" for part in clause.and_)
    if hasattr(clause, "regex"):
        return str(clause.regex).removeprefix("^") if clause.regex.startswith("^") else f".*(?:{clause.regex})"
    before = "" if hasattr(clause, "starts_with") else ".*"
    return before + re.escape(next(name.strip("*") for name in names(clause)))


def number(value: Decimal) -> int | float:
    return int(value) if value == int(value) else float(value)


def amount(value: Any) -> Any:
    if isinstance(value, Decimal):
        return number(value)
    return [number(value.base), *([tier.start, number(tier.price)] for tier in value.tiers)]


def price(found: Any, constraint: Any) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if hasattr(constraint, "start_date"):
        out["since"] = constraint.start_date.isoformat()
    elif constraint is not None:
        out["hours"] = [f"{constraint.start_time:%H:%M}", f"{constraint.end_time:%H:%M}"]
    for theirs, ours in UNITS.items():
        value = getattr(found, theirs, None)
        if value is not None:
            out[ours] = amount(value)
    return out


def model(found: Any) -> list[Any] | None:
    rows = found.prices if isinstance(found.prices, list) else None
    listed = [price(found.prices, None)] if rows is None else [price(row.prices, row.constraint) for row in rows]
    if found.id.endswith(":free"):
        listed = [{"input": 0, "output": 0}]
    return [names(found.match), listed] if any("input" in each or "output" in each for each in listed) else None


def make() -> str:
    """The file's text: a line for each model."""
    providers = {each.id: each for each in importlib.import_module("genai_prices.data").providers}
    families = []
    for name in WANTED:
        provider = providers[name]
        rows = [row for row in map(model, provider.models) if row is not None]
        also = [other for other in provider.fallback_model_providers or () if other in WANTED]
        head = json.dumps({"name": name, "address": provider.api_pattern, "also": also})
        body = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
        families.append(f'{head[:-1]}, "models": [\n{body}\n]}}')
    source = f"{PACKAGE} {importlib.metadata.version(PACKAGE)} (MIT licence), US dollars per million tokens"
    head = json.dumps({"date": date.today().isoformat(), "source": source})
    return f'{head[:-1]}, "families": [\n' + ",\n".join(families) + "\n]}\n"


def check() -> tuple[int, int]:
    """Compare random usages of every model with the package; (compared, not priced by us)."""
    package = importlib.import_module("genai_prices")
    providers = {each.id: each for each in importlib.import_module("genai_prices.data").providers}
    random.seed(1)
    subject = prices.Prices({name: name for name in WANTED})
    compared = unknown = 0
    for name in WANTED:
        for found in providers[name].models:
            for moment in (datetime.now(UTC), datetime.combine(date(2027, 2, 1), time(2, 30), UTC)):
                fresh, read, write, hour, output = random.choices((0, 900, 300_000), k=5)
                usage = Usage(fresh, read, write, hour, output)
                ours = subject.cost(name, found.id, usage, moment.timestamp())
                unknown += ours is None
                if ours is None:
                    continue
                theirs = package.calc_price(
                    package.Usage(
                        input_tokens=usage.input,
                        cache_read_tokens=usage.cache_read,
                        cache_write_tokens=usage.cache_write + usage.cache_write_1h,
                        cache_write_1h_tokens=usage.cache_write_1h,
                        output_tokens=usage.output,
                    ),
                    model_ref=found.id,
                    provider_id=name,
                    genai_request_timestamp=moment,
                ).total_price
                assert abs(float(theirs) - ours) < 1e-6, (name, found.id, usage, theirs, ours)
                compared += 1
    return compared, unknown


def main() -> None:
    text = make()
    assert not re.search(r"[^\x20-\x7e\n]", text)
    TARGET.write_text(text, "utf-8")
    compared, unknown = check()
    sys.stdout.write(f"{TARGET.name}: {len(text)} bytes; {compared} prices agree, {unknown} have none\n")


if __name__ == "__main__":
    main()
