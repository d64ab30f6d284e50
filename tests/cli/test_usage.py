"""`usage`: what was written comes out, as a table, JSON and CSV, also while a gateway writes."""

import csv
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from aiclient2api.canonical.usage import Usage
from aiclient2api.cli.usage import command
from aiclient2api.state import key_file
from aiclient2api.state.keys import Grants
from aiclient2api.state.ledger_sqlite import SqliteLedger
from aiclient2api.state.rows import EXPORTED, Entry, row_of
from tests.state.entries import entry


class Ledgers:
    """The command in a home of its own, and the ledger there."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.writer = SqliteLedger(self.data / "usage.sqlite3")
        self._home = {"HOME": str(folder), "DATA_DIR": str(self.data)}

    def write(self, *entries: Entry, cost: float | None = None) -> None:
        self.writer.write([row_of(each, cost) for each in entries])

    def __call__(self, *arguments: str, **settings: str) -> Result:
        result = CliRunner().invoke(command, arguments, env=self._home | settings, prog_name="aiclient2api usage")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    def json(self, *arguments: str) -> Any:
        result = self(*arguments, "--json")
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    def csv(self, *arguments: str) -> list[dict[str, str]]:
        result = self(*arguments, "--format", "csv")
        assert result.exit_code == 0, result.stderr
        return list(csv.DictReader(io.StringIO(result.stdout)))


@pytest.fixture
def usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledgers]:
    monkeypatch.chdir(tmp_path)
    made = Ledgers(tmp_path)
    yield made
    made.writer.close()


def now(number: int = 0, **changes: Any) -> Entry:
    """An entry of the last minute."""
    return entry(number, time=time.time() - 60 + number, **changes)


def test_nothing_yet(usage: Ledgers) -> None:
    result = usage()
    assert (result.exit_code, result.stdout) == (0, "")
    assert "Nothing was used" in result.stderr
    assert usage.json() == []
    assert usage.json("--by", "request") == []
    assert usage.csv("--by", "key") == []
    assert usage("--by", "request").exit_code == 0
    assert not usage.data.exists()


def test_the_table(usage: Ledgers) -> None:
    usage.write(now(0), now(1, model_served="gpt-5"), cost=0.125)
    usage.write(now(2, usage=Usage(fresh=1000, output=5, estimated=True), error_kind="truncated", provider=None))
    result = usage("--by", "model")
    heads, *lines = result.stdout.splitlines()
    names = "model requests failed input cache read cache write output cost $ credits first s total s"
    assert " ".join(heads.split()) == names
    assert [line.split() for line in lines] == [
        ["claude-sonnet-4-5", "2", "1", "~1,100", "~20", "~7", "~55", "0.1250+", "0.25", "0.50", "3.25"],
        ["gpt-5", "1", "0", "100", "20", "7", "50", "0.1250", "0.25", "0.50", "3.25"],
        ["total", "3", "1", "~1,200", "~40", "~14", "~105", "0.2500+", "0.50", "0.50", "3.25"],
    ]
    assert len({len(line) for line in (heads, *lines)}) == 1
    assert "estimated" in result.stderr
    assert "+ and 1 requests whose price is not known." in result.stderr
    assert usage("--by", "provider").stdout.splitlines()[1].startswith("(none) ")


def test_a_cost_that_nobody_knows_is_never_zero(usage: Ledgers) -> None:
    usage.write(now(0))
    assert " ? " in usage("--by", "model").stdout
    assert usage.json("--by", "model")[0]["cost_usd"] is None
    assert usage.csv("--by", "model")[0]["cost_usd"] == ""


def test_json_and_csv_say_the_same(usage: Ledgers) -> None:
    usage.write(now(0), now(1, key_id="key_b"), cost=0.5)
    for by in ("day", "model", "provider", "key", "account", "request"):
        as_json, as_csv = usage.json("--by", by), usage.csv("--by", by)
        assert len(as_json) == len(as_csv) > 0
        for first, second in zip(as_json, as_csv, strict=True):
            texts = {
                name: "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
                for name, value in first.items()
            }
            assert texts == second
    assert usage("--format", "json").stdout == usage("--json").stdout


def test_keys_have_their_names(usage: Ledgers) -> None:
    made, _ = key_file.create(usage.data / "keys.json", "läptop", Grants(), time.time())
    usage.write(now(0, key_id=made.id), now(1, key_id="0123456789ab", usage=None))
    assert [(row["key"], row["name"]) for row in usage.json("--by", "key")] == [
        (made.id, "läptop"),
        ("0123456789ab", None),
    ]
    lines = usage("--by", "key").stdout.splitlines()
    assert lines[1].startswith("läptop ")
    assert lines[2].startswith("0123456789ab ")
    (usage.data / "keys.json").write_text("{", "utf-8")
    broken = usage("--by", "key")
    assert broken.exit_code == 0
    assert "is not a file of keys" in broken.stderr


def test_every_single_request(usage: Ledgers) -> None:
    usage.write(*(now(number) for number in range(3)), cost=0.001)
    rows = usage.csv("--by", "request")
    assert list(rows[0]) == ["time", *EXPORTED[1:]]
    assert [row["request_id"] for row in rows] == ["req_0", "req_1", "req_2"]
    assert (rows[0]["stream"], rows[0]["estimated"], rows[0]["error_kind"]) == ("true", "false", "")
    table = usage("--by", "request").stdout.splitlines()
    assert len(table) == 4
    assert "claude-sonnet-4-5" in table[1]


def test_periods(usage: Ledgers) -> None:
    day = 86_400
    moments = [time.time() - days * day for days in (0.01, 0.5, 3, 20)]
    usage.write(*(entry(number, time=moment) for number, moment in enumerate(moments)))

    def count(*arguments: str) -> int:
        return len(usage.json("--by", "request", *arguments))

    assert count() == 3
    assert count("--since", "1h") == 1
    assert count("--since", "30d") == 4
    assert count("--since", "30d", "--until", "1d") == 2
    assert count("--since", "2020-01-01", "--until", "2021-01-01") == 0
    assert len(usage.json("--since", "30d")) in (3, 4)


def test_a_spreadsheet_runs_nothing(usage: Ledgers) -> None:
    usage.write(now(0, model_served="+cmd", model_asked="@sum"), now(1, account="=1+1"))
    rows = usage.csv("--by", "request")
    assert (rows[0]["model_served"], rows[0]["model_asked"], rows[1]["account"]) == ("'+cmd", "'@sum", "'=1+1")


def test_while_the_gateway_writes(usage: Ledgers) -> None:
    for number in range(3):
        usage.write(now(number))
        assert usage.json("--by", "model")[0]["requests"] == number + 1
    usage.writer.close()
    assert usage.json("--by", "model")[0]["requests"] == 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--since", "soon"), "Invalid value for --since: 'soon' is no point in time"),
        (("--until", "x"), "Invalid value for --until"),
        (("--by", "colour"), "'colour' is not one of"),
        (("--format", "xml"), "'xml' is not one of"),
        (("--config", "nowhere.json"), "nowhere.json"),
    ],
)
def test_wrong_use(usage: Ledgers, arguments: tuple[str, ...], words: str) -> None:
    result = usage(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


def test_a_database_of_another_kind(usage: Ledgers) -> None:
    result = usage(DATABASE_URL="mysql://u:s3cret@h/x")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "must begin with postgresql://" in result.stderr
    assert "s3cret" not in result.stderr


@pytest.mark.parametrize("form", ["table", "json", "csv"])
@pytest.mark.parametrize("by", ["day", "request"])
def test_a_ledger_that_cannot_be_read(usage: Ledgers, form: str, by: str) -> None:
    usage.data.mkdir()
    (usage.data / "usage.sqlite3").write_text("not a database " * 100, "utf-8")
    result = usage("--by", by, "--format", form)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "The usage ledger cannot be read: " in result.stderr
