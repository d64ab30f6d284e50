"""Flags over environment over file over defaults; each value remembers where it came from.

Enters: a flag table, an environment, the folders to search. Leaves: Loaded (settings, sources, warnings).
Refuses, with the file, line and key: a file that cannot be read, is not JSON, or holds a value of the wrong kind.
"""

import difflib
import json
import types
import typing
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import msgspec

from aiclient2api.settings.lines import line_of, member_names
from aiclient2api.settings.schema import ADDRESS, KEYS, NOT_YET_HONOURED, SECRET_KEYS, Settings, masked

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class SettingsError(Exception):
    """A setting that stops the start; the message says which, where, and what is wrong."""


class Loaded(msgspec.Struct, frozen=True):
    """`sources` says for each key "flag", "environment", "file" or "default"."""

    settings: Settings
    sources: Mapping[str, str]
    warnings: tuple[str, ...] = ()
    file: Path | None = None


def search(explicit: str | None, here: Path, user_config: Path) -> Path | None:
    """The configuration file: the one named, else ./config.json, ./configs/config.json, else the user's own."""
    if explicit is not None:
        return Path(explicit)
    candidates = (here / "config.json", here / "configs" / "config.json", user_config / "config.json")
    return next((each for each in candidates if each.is_file()), None)


def load(file: Path | None, environ: Mapping[str, str], flags: Mapping[str, object]) -> Loaded:
    """Settings of these three sources. A flag or value of None (or JSON null) counts as not given."""
    text = _read(file)
    from_file = _parse(text, file)
    merged: dict[str, object] = {}
    sources = dict.fromkeys(KEYS, "default")
    for source, values in (
        ("file", {key: value for key, value in from_file.items() if key in KEYS}),
        ("environment", _from_environment(environ)),
        ("flag", flags),
    ):
        for key, value in values.items():
            if value is not None:
                merged[key] = _convert(key, value, source, text, file)
                sources[key] = source
    settings = msgspec.convert(merged, Settings)
    return Loaded(settings, sources, tuple(_warnings(from_file, sources, text, file)), file)


def _read(file: Path | None) -> str:
    if file is None:
        return "{}"
    try:
        return file.read_text("utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(f"Configuration file not found: {file}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"Configuration file {file} cannot be read: {error}") from None


def _parse(text: str, file: Path | None) -> dict[str, Json]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise SettingsError(
            f"{file}, line {error.lineno}, column {error.colno}: not valid JSON ({error.msg})."
        ) from None
    except RecursionError:
        raise SettingsError(f"{file}: the JSON is nested too deeply.") from None
    except ValueError:
        raise SettingsError(f"{file}: a number has too many digits.") from None
    if not isinstance(value, dict):
        raise SettingsError(f"{file}, line 1: the configuration must be one JSON object.")
    return value


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    """An empty text counts as not given, and so does null for every kind of key."""
    found = {key: environ[key] for key in KEYS if environ.get(key, "") not in ("", "null")}
    return {key: _of_text(key, text) for key, text in found.items()}


_TYPES: Mapping[str, object] = {each.encode_name: each.type for each in msgspec.structs.fields(Settings)}
_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


def _of_text(key: str, text: str) -> object:
    """An environment's text as the JSON value that the key wants; text that is not JSON stays text."""
    kinds = _kinds(_TYPES[key])
    word = text.strip().lower()
    if bool in kinds and word in _TRUE | _FALSE:
        return word in _TRUE
    if str in kinds and not (tuple in kinds and text.lstrip().startswith("[")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _kinds(type_: object) -> set[object]:
    """The plain types that a field's type is made of."""
    origin = typing.get_origin(type_)
    if origin is typing.Annotated:
        return _kinds(typing.get_args(type_)[0])
    if origin in (typing.Union, types.UnionType):
        return set().union(*(_kinds(each) for each in typing.get_args(type_)))
    if origin is typing.Literal:
        return {str}
    return {origin or type_}


def _convert(key: str, value: object, source: str, text: str, file: Path | None) -> object:
    try:
        return msgspec.convert(value, _TYPES[key])
    except (msgspec.ValidationError, UnicodeEncodeError) as error:
        where = f"{file}, line {line_of(text, (key,))}" if source == "file" else source
        shown = "(not shown)" if key in SECRET_KEYS else _short(repr(value))
        raise SettingsError(f"{where}: {key} = {shown} is not valid ({_short(plain(error))}).") from None


def plain(error: msgspec.ValidationError | UnicodeEncodeError) -> str:
    """What is wrong, in words for people."""
    if ADDRESS in str(error).replace("\\\\", "\\"):
        return "an address begins with http:// or https:// and a host"
    return str(error).replace("`", "'")


def _short(text: str) -> str:
    """In part, and without lone surrogates, which no terminal takes."""
    shown = text if len(text) <= 200 else text[:200] + "…"
    return shown.encode("utf-8", "backslashreplace").decode()


def _warnings(from_file: Mapping[str, Json], sources: Mapping[str, str], text: str, file: Path | None) -> list[str]:
    counts = Counter(member_names(text))
    out = [f"{key} stands more than once in {file}; the last counts." for key in counts if counts[key] > 1]
    for key in from_file:
        if key not in KEYS:
            near = difflib.get_close_matches(key, KEYS, 1) or difflib.get_close_matches(key.upper(), KEYS, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            out.append(f"Unknown setting {_short(key)} is ignored.{hint}")
    out += [
        f"{key} is set, but this version does not use it yet."
        for key in KEYS
        if key in NOT_YET_HONOURED and sources[key] != "default"
    ]
    return out


def shown(loaded: Loaded) -> list[tuple[str, Json, str]]:
    """(key, value, source) of every setting, secrets as ***."""
    values = masked(loaded.settings)
    return [(key, values[key], loaded.sources[key]) for key in KEYS]
