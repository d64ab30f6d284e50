"""S14: what is installed is the source and nothing else; nothing runs at its installation or at a start of Python."""

import configparser
import email
import importlib.util
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "aiclient2api"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
DEPENDENCIES = (
    "httptools", "msgspec", "uvloop", "python-socks", "click", "pypdfium2", "pillow", "zstandard",
)  # fmt: skip
DATA = {"py.typed": 1, "prices.json": 1, "examples": 7}


def sources() -> set[str]:
    """What belongs into the package, as it lies in the source tree."""
    return {
        path.relative_to(ROOT / "src").as_posix()
        for path in SOURCE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_s14_the_source_holds_code_and_named_data() -> None:
    """S14: Python files, and beside them only what is listed here."""
    others = [PurePosixPath(name) for name in sources() if not name.endswith(".py")]
    assert (
        Counter(
            path.parent.name if path.suffix == ".json" and path.parent.name == "examples" else path.name
            for path in others
        )
        == DATA
    )


def test_s14_the_build_runs_nothing_of_ours() -> None:
    """S14: one build backend, no hooks, no setup.py, one command."""
    assert PROJECT["build-system"] == {"requires": ["hatchling>=1.25"], "build-backend": "hatchling.build"}
    assert not (ROOT / "setup.py").exists()
    assert set(PROJECT["tool"]["hatch"]["build"]) == {"targets"}
    assert all("hooks" not in target for target in PROJECT["tool"]["hatch"]["build"]["targets"].values())
    assert PROJECT["project"]["scripts"] == {"aiclient2api": "aiclient2api.cli:main"}
    assert "gui-scripts" not in PROJECT["project"]
    assert "entry-points" not in PROJECT["project"]


def test_s14_dependencies() -> None:
    """S14: exactly these, eight at most, each with an upper bound and a reason in the README."""
    listed = PROJECT["project"]["dependencies"]
    names = [requirement.split(";")[0].split(">")[0].strip() for requirement in listed]
    assert tuple(names) == DEPENDENCIES
    assert len(names) <= 8
    assert all(">=" in requirement and "<" in requirement for requirement in listed)
    readme = (ROOT / "README.md").read_text("utf-8").partition("## Dependencies")[2].partition("\n## ")[0]
    assert all(name in readme for name in names)


def test_s14_importing_starts_nothing() -> None:
    """S14: the package's import opens no socket, starts no thread or process, and writes no file."""
    code = (
        "import sys, threading\n"
        "seen = []\n"
        "bad = ('socket.', 'subprocess.', 'os.system', 'os.exec', 'os.fork', 'shutil.', 'urllib.')\n"
        "sys.addaudithook(lambda event, given: seen.append(event) if event.startswith(bad) else None)\n"
        "import aiclient2api, aiclient2api.cli, aiclient2api.cli.app, aiclient2api.cli.serve\n"
        "assert not [each for each in seen if each != 'socket.__new__'], seen\n"
        "assert threading.active_count() == 1\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(ROOT / "src")}, timeout=60)


@pytest.mark.slow
def test_s14_the_wheel(tmp_path: Path) -> None:
    """S14: the built wheel holds the source tree, its metadata and the licence, byte for byte; no .pth, nothing outside
    the package. The backend comes from the index where it is not installed, as in every installation of ours."""
    offline = ["--no-build-isolation"] if importlib.util.find_spec("hatchling") else []
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "wheel", "--no-deps", *offline]
    subprocess.run([*command, "-w", str(tmp_path), str(ROOT)], check=True, timeout=50)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        info = f"aiclient2api-{PROJECT['project']['version']}.dist-info"
        about = {f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")}
        assert names == sources() | about
        assert not [name for name in names if name.endswith((".pth", ".so", ".pyd", ".dll", ".exe", ".sh"))]
        assert all(archive.read(name) == (ROOT / "src" / name).read_bytes() for name in sources())
        commands = configparser.ConfigParser()
        commands.read_string(archive.read(f"{info}/entry_points.txt").decode())
        assert {section: dict(commands[section]) for section in commands.sections()} == {
            "console_scripts": {"aiclient2api": "aiclient2api.cli:main"}
        }
        assert wanted(archive.read(f"{info}/METADATA").decode()) == declared()
        assert all(not entry.filename.startswith(("/", "..")) for entry in archive.infolist())


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("hatchling") is None, reason="pip makes no sdists; hatchling is not here")
def test_s14_the_sdist(tmp_path: Path) -> None:
    """S14: the source distribution holds what is listed here, byte for byte, and its metadata."""
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path], cwd=ROOT, check=True)
    (made,) = tmp_path.glob("*.tar.gz")
    top = f"aiclient2api-{PROJECT['project']['version']}"
    with tarfile.open(made) as archive:
        assert all(member.isfile() for member in archive)
        held = {member.name: archive.extractfile(member) for member in archive}
        found = {name: file.read() for name, file in held.items() if file is not None}
    about = found.pop(f"{top}/PKG-INFO").decode()
    assert wanted(about) == declared()
    assert found == {f"{top}/{path.relative_to(ROOT).as_posix()}": path.read_bytes() for path in distributed()}
    assert not [name for name in found if name.endswith((".pth", ".so", ".pyd", ".dll", ".exe", ".pyc"))]


def distributed() -> set[Path]:
    """What belongs into the source distribution: code, tests, tools, docs, and what lies beside them by name."""
    beside = {".gitignore", "LICENSE", "Makefile", "pyproject.toml", "sbom.cdx.json"}
    files = {ROOT / name for name in beside} | {*ROOT.glob("*.md"), *ROOT.glob("*.lock")}
    for folder in ("src", "tests", "tools", "docs"):
        files |= {path for path in (ROOT / folder).rglob("*") if path.is_file() and not made_by_running(path)}
    return files


def made_by_running(path: Path) -> bool:
    """What .gitignore keeps out of everything."""
    parts = path.relative_to(ROOT).parts
    return any(part == "__pycache__" or part == "logs" or part.endswith(".egg-info") for part in parts)


def wanted(metadata: str) -> set[tuple[str, str, str]]:
    """The requirements in a distribution's metadata: name, versions, marker."""
    found = email.message_from_string(metadata).get_all("Requires-Dist", [])
    return {parts(Requirement(str(each))) for each in found}


def declared() -> set[tuple[str, str, str]]:
    """Those of pyproject.toml, in the same words."""
    project = PROJECT["project"]
    extras = {
        Requirement(f"{each}; extra == '{name}'")
        for name, group in project["optional-dependencies"].items()
        for each in group
    }
    return {parts(each) for each in extras | {Requirement(each) for each in project["dependencies"]}}


def parts(requirement: Requirement) -> tuple[str, str, str]:
    named = ",".join([requirement.name, *sorted(requirement.extras)])
    return named, str(requirement.specifier), str(requirement.marker or "")
