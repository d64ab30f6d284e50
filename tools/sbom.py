"""The software bill of materials: CycloneDX 1.6 from the lock files, without clock or chance, so it can be checked.

Enters: the locks and pyproject.toml. Leaves: sbom.cdx.json: what is always installed is `required`, what only an extra
brings is `optional`; who needs whom; and where a package is not wanted on every system, the marker as a property.
Hashes stay in the locks: a package has one for each of its files.
"""

import json
import tomllib
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tools.locks import Locked

PATH = Path(__file__).parent.parent / "sbom.cdx.json"
NAME = "aiclient2api"
_SPACE = uuid.uuid5(uuid.NAMESPACE_OID, NAME)

Json = dict[str, Any]


def made(root: Path, runtime: "Sequence[Locked]", extras: "Sequence[Locked]") -> Json:
    """`extras` holds all of `runtime`, and more."""
    project: Json = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    always = {each.name for each in runtime}
    parts = [_component(each, each.name in always) for each in sorted(extras)]
    refs = {each.name: _purl(each.name, each.version) for each in extras}
    own = _purl(NAME, project["version"])
    needs = [{"ref": own, "dependsOn": _asked_by(None, extras, refs)}]
    needs += [{"ref": refs[each.name], "dependsOn": _asked_by(each.name, extras, refs)} for each in sorted(extras)]
    bill: Json = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": NAME,
                "version": project["version"],
                "description": project["description"],
                "licenses": [{"license": {"id": project["license"]}}],
                "purl": own,
            },
            "authors": [{"name": each["name"]} for each in project["authors"]],
        },
        "components": parts,
        "dependencies": needs,
    }
    return {"serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, json.dumps(bill))}", **bill}


def write(path: Path, bill: Json) -> None:
    path.write_text(json.dumps(bill, indent=2) + "\n", "utf-8")


def _purl(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{version}"


def _component(locked: "Locked", always: bool) -> Json:
    ref = _purl(locked.name, locked.version)
    found: Json = {"type": "library", "bom-ref": ref, "name": locked.name, "version": locked.version}
    found |= {"scope": "required" if always else "optional", "purl": ref}
    if locked.marker:
        found["properties"] = [{"name": f"{NAME}:marker", "value": locked.marker}]
    return found


def _asked_by(name: str | None, locked: "Iterable[Locked]", refs: dict[str, str]) -> list[str]:
    """What a package needs; with None, what we ask for ourselves."""
    asker = f"{NAME} (pyproject.toml)" if name is None else name
    return sorted(refs[each.name] for each in locked if asker in each.via)
