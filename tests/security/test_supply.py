"""S14: what an installation brings along is locked by hash, listed in a bill of materials, and can be audited."""

import importlib.metadata
import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools import audit, locks, sbom

PROJECT = tomllib.loads((locks.ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCKS = {locks.RUNTIME: (), locks.WITH_EXTRAS: locks.EXTRAS}


def asked_for(extras: Iterable[str]) -> list[Requirement]:
    named = [*PROJECT["dependencies"], *(each for extra in extras for each in PROJECT["optional-dependencies"][extra])]
    return [Requirement(each) for each in named]


@pytest.mark.parametrize(("path", "extras"), LOCKS.items(), ids=[path.name for path in LOCKS])
def test_s14_a_lock_holds_what_is_asked_for(path: Path, extras: tuple[str, ...]) -> None:
    """S14: each of our requirements in a version that fits, for the systems where it is wanted; `make lock` after a
    change of pyproject.toml."""
    locked = {each.name: each for each in locks.read(path)}
    for wanted in asked_for(extras):
        held = locked[canonicalize_name(wanted.name)]
        assert wanted.specifier.contains(held.version), wanted
        assert held.marker == str(wanted.marker or "").replace('"', "'")
        assert locks.OWN in held.via
    assert {each.name for each in locked.values() if locks.OWN in each.via} == {
        canonicalize_name(each.name) for each in asked_for(extras)
    }


@pytest.mark.parametrize("path", LOCKS, ids=[path.name for path in LOCKS])
def test_s14_a_lock_is_whole(path: Path) -> None:
    """S14: hashes for wheels of several systems and the sources; what the packages themselves need is there, too."""
    locked = locks.read(path)
    names = {each.name for each in locked}
    assert len(names) == len(locked)
    for each in locked:
        assert len(each.hashes) == len(set(each.hashes)) >= 2, each.name
        assert set(each.via) <= names | {locks.OWN}
        for text in importlib.metadata.requires(each.name) or () if installed(each.name) else ():
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                assert canonicalize_name(need.name) in names, (each.name, text)


def installed(name: str) -> bool:
    """Some packages are wanted on other systems and Pythons only."""
    return any(importlib.metadata.distributions(name=name))


def test_s14_both_locks_agree() -> None:
    runtime, extras = (locks.read(path) for path in LOCKS)
    assert {(each.name, each.version, each.hashes) for each in runtime} <= {
        (each.name, each.version, each.hashes) for each in extras
    }


@pytest.mark.parametrize("path", [*LOCKS, sbom.PATH], ids=lambda path: path.name)
def test_s14_nothing_tells_where_it_was_made(path: Path) -> None:
    """S14: no index, no path: who installs says where from."""
    text = path.read_text("utf-8")
    assert not re.search(r"://|index-url|find-links|file:|(?<!\w)/\w", text)


def test_s14_what_is_no_lock_is_refused(tmp_path: Path) -> None:
    for line in ("click", "click>=8", "-r other.txt", "click==8.1 @ file:///x", "    --hash=md5:00"):
        (tmp_path / "x.lock").write_text(f"# head\n{line}\n", "utf-8")
        with pytest.raises(ValueError, match="no line of a lock"):
            locks.read(tmp_path / "x.lock")


# --- the bill of materials


def test_s14_the_bill_of_materials_is_that_of_the_locks() -> None:
    """S14: `make lock` writes it; here it is made again."""
    assert json.loads(sbom.PATH.read_text("utf-8")) == bill()
    assert sbom.PATH.stat().st_size < 64 * 1024


def test_s14_the_bill_of_materials_is_cyclonedx() -> None:
    """S14: by CycloneDX's own schema, the strict one."""
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(json.dumps(bill())) is None
    assert validator.validate_str(json.dumps(bill() | {"more": 1})) is not None
    assert validator.validate_str(json.dumps(bill() | {"serialNumber": "1"})) is not None


def test_s14_the_bill_of_materials_lists_every_package_once() -> None:
    found = bill()
    parts = {each["name"]: each for each in found["components"]}
    extras = locks.read(locks.WITH_EXTRAS)
    assert [each["name"] for each in found["components"]] == sorted(each.name for each in extras)
    required = {name for name, each in parts.items() if each["scope"] == "required"}
    assert required == {each.name for each in locks.read(locks.RUNTIME)}
    assert parts["uvloop"]["properties"] == [{"name": "aiclient2api:marker", "value": "sys_platform != 'win32'"}]
    needs = {each["ref"]: each["dependsOn"] for each in found["dependencies"]}
    assert {*needs} == {found["metadata"]["component"]["purl"], *(each["purl"] for each in parts.values())}
    assert parts["redis"]["purl"] in needs[found["metadata"]["component"]["purl"]]
    assert parts["hiredis"]["purl"] in needs[parts["redis"]["purl"]]


def bill() -> sbom.Json:
    return sbom.made(locks.ROOT, locks.read(locks.RUNTIME), locks.read(locks.WITH_EXTRAS))


# --- the audit

NOTHING = audit.Report()
KNOWS = audit.Report(found=("pillow 10.0.0: PYSEC-2023-175, mended in 10.0.1",))
GAP = audit.Report(unknown=("click: Dependency not found",))
AWAY = audit.Report(failed="no connection")


@pytest.mark.parametrize(
    ("known", "ours", "code", "words"),
    [
        (KNOWS, NOTHING, 0, "nothing is known against the 12"),
        (KNOWS, KNOWS, 1, "1 known weaknesses"),
        (AWAY, KNOWS, 1, "PYSEC-2023-175"),
        (NOTHING, NOTHING, 3, "NOT DONE, no service"),
        (GAP, GAP, 3, "NOT DONE, no service"),
        (KNOWS, GAP, 3, "NOT DONE for 1 of 12"),
        (KNOWS, AWAY, 3, "no connection"),
        (AWAY, AWAY, 3, "no connection"),
    ],
)
def test_s14_an_audit_says_clean_only_where_it_could_know(
    known: audit.Report, ours: audit.Report, code: int, words: str
) -> None:
    """S14: a service that does not know a weakness known for years has nothing to say of ours."""
    found, said = audit.verdict(known, ours, 12)
    assert found == code
    assert words in "\n".join(said)


OUTPUTS: Sequence[tuple[str, str, audit.Report]] = [
    ('{"dependencies":[{"name":"click","version":"8.5.1","vulns":[]}],"fixes":[]}', "", NOTHING),
    ('{"dependencies":[{"name":"click","skip_reason":"Dependency not found"}],"fixes":[]}', "No known", GAP),
    (
        '{"dependencies":[{"name":"pillow","version":"10.0.0","vulns":[{"id":"PYSEC-2023-175","fix_versions":["10.0.1"],'
        '"aliases":["CVE-2023-4863"],"description":"x"}]}],"fixes":[]}',
        "Found 1 known vulnerability in 1 package",
        KNOWS,
    ),
    ("", "INFO: x\nERROR:pip_audit._cli:no connection\n", audit.Report(failed="ERROR:pip_audit._cli:no connection")),
    ("", "", audit.Report(failed="pip-audit said nothing")),
]


@pytest.mark.parametrize(("out", "errors", "report"), OUTPUTS)
def test_s14_what_pip_audit_prints(out: str, errors: str, report: audit.Report) -> None:
    assert audit.understood(out, errors) == report
