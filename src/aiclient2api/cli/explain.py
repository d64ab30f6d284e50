"""`explain REQUEST-ID`: what happened to one request of the past, from the ledger. No text of anybody is kept there."""

import json
from collections.abc import Callable, Iterator, Mapping

import click
import msgspec

from aiclient2api.cli.keys import place_flags, settings_of
from aiclient2api.cli.options import WrongConfiguration, json_flag, places
from aiclient2api.settings.schema import Settings
from aiclient2api.state import databases, report
from aiclient2api.state.keys import FILE_NAME, KeysError, read_keys
from aiclient2api.state.ledger import LedgerError
from aiclient2api.state.rows import Value
from aiclient2api.state.trail import Do, Step, Story

Facts = dict[str, Value | bool]

_TOKENS = {
    "input_tokens": "input",
    "cache_read_tokens": "cache read",
    "cache_write_tokens": "cache write",
    "output_tokens": "output",
    "reasoning_tokens": "reasoning",
}


@click.command("explain")
@click.argument("request_id", metavar="REQUEST-ID")
@json_flag
@place_flags
def command(request_id: str, as_json: bool, config_file: str | None, data_dir: str | None) -> None:
    """Tell what happened to a request: route, accounts and why, attempts, faults, waits, what was left out, tokens.

    REQUEST-ID is the x-request-id of its answer; it stands in the log, too.
    """
    settings = settings_of(config_file, data_dir)
    facts, story = _found(settings, request_id.strip())
    name = _key_name(settings, str(facts["key_id"]))
    if as_json:
        whole = {**facts, "key_name": name, "story": None if story is None else msgspec.to_builtins(story)}
        click.echo(json.dumps(whole, ensure_ascii=False, indent=2))
        return
    for head, text in _lines(facts, story, name):
        click.echo(f"{head:<9}  {text}".rstrip())


def _found(settings: Settings, request_id: str) -> tuple[Facts, Story | None]:
    try:
        reader = databases.reader(settings.database_url, places(settings).data_dir)
    except LedgerError as error:
        raise WrongConfiguration(str(error)) from None
    try:
        found = report.request(reader, request_id)
    except LedgerError as error:
        raise click.ClickException(f"The usage ledger cannot be read: {error}.") from None
    if found is None:
        raise click.ClickException(_unknown(settings, request_id))
    return found


def _unknown(settings: Settings, request_id: str) -> str:
    where = "DATABASE_URL" if settings.database_url else str(places(settings).data_dir)
    days = f"of the last {settings.ledger_days} days (LEDGER_DAYS)" if settings.ledger_days else "of all time"
    wrong = "" if request_id.startswith("req_") else " An id looks like req_0123456789abcdef01234567."
    return (
        f"The ledger in {where} has no request {request_id[:80]!r}.{wrong} It holds requests to models {days}, each"
        " from a moment after its end; others, and those that came without a right key, stand in the log only."
    )


def _key_name(settings: Settings, key_id: str) -> str | None:
    """Client keys have names; a request is explained without them, too."""
    try:
        keys = read_keys(places(settings).data_dir / FILE_NAME)
    except KeysError:
        return None
    return next((key.name for key in keys if key.id == key_id), None)


# --- as lines for people


def _lines(facts: Facts, story: Story | None, key_name: str | None) -> Iterator[tuple[str, str]]:
    called = f"{facts['key_id']} ({key_name})" if key_name else str(facts["key_id"])
    yield "request", f"{facts['request_id']}, {facts['time']}"
    model = facts["model_asked"] or "one without a name that can be shown"
    yield "asked", f"{facts['dialect']}, {'streamed' if facts['stream'] else 'whole'}, model {model}, key {called}"
    yield from _route(facts, story)
    if story is not None:
        for step in story.steps:
            yield f"{step.at:.3f} s", _WORDS[step.do](step)
        if story.dropped:
            yield "dropped", ", ".join(story.dropped)
    yield "answered", _outcome(facts, story)
    yield from _used(facts)


def _route(facts: Facts, story: Story | None) -> Iterator[tuple[str, str]]:
    if facts["provider"] is None:
        yield "route", "none was found"
        return
    hint = f", asked for by path or header ({story.hint})" if story is not None and story.hint else ""
    way = ""
    if story is not None and not facts["cached"]:
        way = ", passed on byte by byte" if story.passed else ", translated" if facts["attempts"] else ""
    yield "route", f"{facts['provider']}, model {facts['model_served']}{hint}{way}"


def _chosen(step: Step) -> str:
    waited = f", waited for {_seconds(step.seconds)}" if step.seconds else ""
    return f"{step.provider}, account {step.account}: {step.why or 'the only one'}{waited}"


def _failed(step: Step) -> str:
    mark = f", {step.mark}" if step.mark else ""
    later = f", come back in {_seconds(step.seconds)}" if step.seconds is not None else ""
    cures = f" (tried with: {', '.join(step.cures)})" if step.cures else ""
    return f"failed: {step.kind} ({step.status}{mark}){later}{cures}"


def _rests(step: Step) -> str:
    what = f"account {step.account} for {step.model}" if step.model else f"account {step.account}"
    return f"{what} rests for {_seconds(step.seconds)}: {step.why}"


_WORDS: Mapping[Do, Callable[[Step], str]] = {
    "chosen": _chosen,
    "failed": _failed,
    "rests": _rests,
    "pause": lambda step: f"waits {_seconds(step.seconds)} and tries again",
    "stopped": lambda step: f"no further attempt: {step.why}",
}


def _outcome(facts: Facts, story: Story | None) -> str:
    parts = [str(facts["status"])]
    if facts["error_kind"]:
        mark = f" ({story.mark})" if story is not None and story.mark else ""
        parts.append(f"{facts['error_kind']}{mark}")
    if facts["status"] == 499:
        parts.append("the client had left")
    if facts["cached"]:
        parts.append("from the response cache")
    if story is not None and story.saved is not None:
        parts.append(f"saved {story.saved[0]:,} tokens of input and {story.saved[1]:,} of output")
    if story is not None and story.retry_after is not None:
        parts.append(f"told to come back in {_seconds(story.retry_after)}")
    if facts["first_ms"] is not None:
        parts.append(f"first content {_milliseconds(facts['first_ms'])}")
    parts += [f"end {_milliseconds(facts['total_ms'])}", f"attempts {facts['attempts']}"]
    return ", ".join(parts)


def _used(facts: Facts) -> Iterator[tuple[str, str]]:
    mark = "~" if facts["estimated"] else ""
    tokens = [f"{word} {mark}{facts[name]:,}" for name, word in _TOKENS.items() if facts[name] is not None]
    if tokens:
        yield "tokens", ", ".join(tokens) + (" (estimated)" if mark else "")
    charged = [f"${facts['cost_usd']:,.6f}"] if facts["cost_usd"] is not None else []
    charged += [f"{facts['credits']:,.4f} credits"] if facts["credits"] is not None else []
    if charged:
        yield "cost", ", ".join(charged)


def _seconds(seconds: float | None) -> str:
    return f"{seconds or 0.0:.3g} s" if (seconds or 0.0) < 1000 else f"{seconds:,.0f} s"


def _milliseconds(value: Value | bool) -> str:
    return f"{float(value or 0) / 1000:.3f} s"
