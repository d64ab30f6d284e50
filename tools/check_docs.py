"""Documentation against code: every setting, command, route and error kind stands where a user looks for it.

docs/settings.md is generated (`python -m tools.check_docs --write`), and must be in step with settings/schema.py.
"""

import re
import sys
from pathlib import Path

import msgspec

from aiclient2api import __version__
from aiclient2api.canonical.errors import KINDS
from aiclient2api.cli.app import COMMANDS
from aiclient2api.gateway.routes import ROUTES
from aiclient2api.settings.schema import Settings
from tools import conformance

ROOT = Path(__file__).parent.parent


def main(arguments: list[str]) -> int:
    if "--write" in arguments:
        (ROOT / "docs" / "settings.md").write_text(settings_page(), "utf-8")
    breaches = [*_readme(), *_pages(), *_version(), *conformance.breaches()]
    for breach in breaches:
        print(breach)
    print(f"docs: {len(breaches)} breaches")
    return 1 if breaches else 0


def settings_page() -> str:
    """The table of docs/settings.md, from the schema."""
    lines = [
        "# Settings",
        "",
        "Flags win over the environment, the environment over the file, the file over the defaults;"
        " `aiclient2api config show` tells where each value comes from. Every key is also an environment variable"
        " (lists and objects as JSON). `null` means not set.",
        "",
        "| key | default | meaning |",
        "|---|---|---|",
    ]
    meanings = _meanings()
    for each in msgspec.structs.fields(Settings):
        default = each.default if each.default is not msgspec.NODEFAULT else each.default_factory()
        shown = msgspec.json.encode(default).decode()
        lines.append(f"| `{each.encode_name}` | `{shown}` | {meanings.get(each.encode_name, '')} |")
    return "\n".join(lines) + "\n"


def _meanings() -> dict[str, str]:
    from aiclient2api.settings.meaning import MEANING

    return dict(MEANING)


def _readme() -> list[str]:
    out = []
    texts = {name: (ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md")}
    for name, text in texts.items():
        lines = text.count("\n")
        if lines > 150:
            out.append(f"{name}: {lines} lines, at most 150")
        out += [f"{name}: the command {command} is missing" for command in sorted(COMMANDS) if command not in text]
    english, chinese = (re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL) for text in texts.values())
    if len(english) != len(chinese):
        out.append("README.md and README.zh-CN.md have different numbers of code blocks")
    headings = [len(re.findall(r"^## ", text, re.MULTILINE)) for text in texts.values()]
    if headings[0] != headings[1]:
        out.append("README.md and README.zh-CN.md have different numbers of sections")
    return out


def _pages() -> list[str]:
    out = []
    page = ROOT / "docs" / "settings.md"
    if not page.exists() or page.read_text("utf-8") != settings_page():
        out.append("docs/settings.md is not in step with the schema: python -m tools.check_docs --write")
    without = [each.encode_name for each in msgspec.structs.fields(Settings) if not _meanings().get(each.encode_name)]
    out += [f"settings/meaning.py: {key} has no text" for key in without]
    routes = (ROOT / "docs" / "routes.md").read_text("utf-8")
    out += [f"docs/routes.md: {path} is missing" for path in ROUTES if f"`{path}`" not in routes and path != "/"]
    errors = (ROOT / "docs" / "errors.md").read_text("utf-8")
    out += [f"docs/errors.md: {kind} is missing" for kind in KINDS if f"`{kind}`" not in errors]
    return out


def _version() -> list[str]:
    out = []
    if f'version = "{__version__}"' not in (ROOT / "pyproject.toml").read_text("utf-8"):
        out.append("pyproject.toml and aiclient2api.__version__ disagree")
    if f"## {__version__}" not in (ROOT / "CHANGELOG.md").read_text("utf-8"):
        out.append(f"CHANGELOG.md has no section {__version__}")
    return out


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
