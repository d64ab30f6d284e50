"""`usage`: what was used, from the ledger, while the gateway runs or not."""

import csv
import itertools
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, get_args

import click
import msgspec

from aiclient2api.cli.keys import place_flags, settings_of
from aiclient2api.cli.options import WrongConfiguration, places, say
from aiclient2api.settings.schema import Settings
from aiclient2api.state import databases, report
from aiclient2api.state.keys import FILE_NAME, KeysError, read_keys
from aiclient2api.state.ledger import LedgerError
from aiclient2api.state.report import By, Reader, Sums
from aiclient2api.state.rows import EXPORTED
from aiclient2api.state.times import moment

Format = Literal["table", "json", "csv"]
Record = Mapping[str, object]

BY_REQUEST = "request"
_FIELDS = ("time", *EXPORTED[1:])


@click.command("usage")
@click.option(
    "--by", type=click.Choice([*get_args(By), BY_REQUEST]), default="day", help="What a line stands for (day)."
)
@click.option("--since", default="7d", metavar="WHEN", help="7d, 12h, or a date such as 2026-11-01 (7d).")
@click.option("--until", metavar="WHEN", help="Likewise; now if not given.")
@click.option("--format", "form", type=click.Choice(get_args(Format)), default="table", help="How to print it (table).")
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@place_flags
def command(
    by: str,
    since: str,
    until: str | None,
    form: Format,
    as_json: bool,
    config_file: str | None,
    data_dir: str | None,
) -> None:
    """Show what was used: requests, tokens, cost where it is known, times. Days are UTC.

    `--by request` exports every request.
    """
    settings = settings_of(config_file, data_dir)
    now = time.time()
    period = _moment("--since", since, now), _moment("--until", until, now) if until else now
    try:
        reader = databases.reader(settings.database_url, places(settings).data_dir)
    except LedgerError as error:
        raise WrongConfiguration(str(error)) from None
    form = "json" if as_json else form
    try:
        if by == BY_REQUEST:
            _print_requests(report.requests(reader, *period), form)
        else:
            _print_sums(reader, by, period, form, settings)
    except LedgerError as error:
        raise click.ClickException(f"The usage ledger cannot be read: {error}.") from None


def _moment(option: str, text: str, now: float) -> float:
    try:
        return moment(text, now, -1)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from None


def _print_sums(reader: Reader, by: str, period: tuple[float, float], form: Format, settings: Settings) -> None:
    kind: By = msgspec.convert(by, By)
    found = report.sums(reader, kind, *period)
    names = _key_names(settings) if kind == "key" else {}
    if form != "table":
        _export((_record(kind, each, names) for each in found), (*_columns(kind), *Sums.__struct_fields__[1:]), form)
        return
    whole = report.total(reader, *period)
    if whole is None:
        say("Nothing was used in that time.")
        return
    lines = [_cells(each, names.get(each.group, each.group)) for each in found]
    _table((kind, *_HEADS), [*lines, _cells(whole, "total")])
    if whole.estimated:
        say("~ some tokens were estimated, because the provider did not count them.")
    if whole.unpriced:
        say(f"+ and {whole.unpriced:,} requests whose price is not known.")
    if whole.cached:
        say(f"{whole.cached:,} requests were answered from the response cache; they took no tokens.")


def _columns(by: By) -> tuple[str, ...]:
    return ("key", "name") if by == "key" else (by,)


def _record(by: By, each: Sums, names: Mapping[str, str]) -> dict[str, object]:
    """A group for machines: `key` has its name beside it."""
    numbers = msgspec.structs.asdict(each)
    group = numbers.pop("group")
    return {by: group or None, **({"name": names.get(group)} if by == "key" else {}), **numbers}


def _key_names(settings: Settings) -> dict[str, str]:
    """Key id to name; usage can be read without them."""
    try:
        return {key.id: key.name for key in read_keys(places(settings).data_dir / FILE_NAME)}
    except KeysError as error:
        say(f"warning: {error}")
        return {}


_HEADS = (
    "requests",
    "failed",
    "input",
    "cache read",
    "cache write",
    "output",
    "cost $",
    "credits",
    "first s",
    "total s",
)


def _cells(each: Sums, name: str) -> tuple[str, ...]:
    mark = "~" if each.estimated else ""
    cost = "" if each.cost_usd is None else f"{each.cost_usd:,.4f}"
    return (
        name or "(none)",
        f"{each.requests:,}",
        f"{each.failed:,}",
        *(
            "" if tokens is None else f"{mark}{tokens:,}"
            for tokens in (each.input_tokens, each.cache_read_tokens, each.cache_write_tokens, each.output_tokens)
        ),
        f"{cost}+" if cost and each.unpriced else cost or ("?" if each.unpriced else ""),
        "" if each.credits is None else f"{each.credits:,.2f}",
        *(
            "" if milliseconds is None else f"{milliseconds / 1000:.2f}"
            for milliseconds in (each.first_ms, each.total_ms)
        ),
    )


def _print_requests(rows: Iterator[dict[str, str | int | float | bool | None]], form: Format) -> None:
    if form != "table":
        first = list(itertools.islice(rows, 1))  # a ledger that cannot be read fails before anything is printed
        _export(itertools.chain(first, rows), _FIELDS, form)
        return
    heads = ("time", "key_id", "provider", "model_served", "status", "output_tokens", "cost_usd", "total_ms")
    found = [tuple("" if row[name] is None else str(row[name]) for name in heads) for row in rows]
    if found:
        _table(heads, found)
    else:
        say("There were no requests in that time.")


def _table(heads: tuple[str, ...], lines: list[tuple[str, ...]]) -> None:
    """Aligned columns, the first to the left."""
    widths = [max(len(line[column]) for line in (heads, *lines)) for column in range(len(heads))]
    for first, *rest in (heads, *lines):
        numbers = "  ".join(f"{cell:>{width}}" for cell, width in zip(rest, widths[1:], strict=True))
        click.echo(f"{first:<{widths[0]}}  {numbers}".rstrip())


def _export(rows: Iterable[Record], fields: tuple[str, ...], form: Format) -> None:
    """Line by line, so that a long export needs no memory."""
    if form == "json":
        comma = ""
        click.echo("[", nl=False)
        for row in rows:
            click.echo(f"{comma}\n  {json.dumps(row, ensure_ascii=False)}", nl=False)
            comma = ","
        click.echo("\n]" if comma else "]")
        return
    out = csv.writer(_Echo(), lineterminator="\n")
    out.writerow(fields)
    for row in rows:
        out.writerow([_cell(row[name]) for name in fields])


class _Echo:
    """Standard output as a file, in whatever encoding it has."""

    def write(self, text: str) -> None:
        click.echo(text, nl=False)


def _cell(value: object) -> object:
    """Spreadsheets run what begins like a formula, and a client chooses the model's name."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value
