"""Settings from file, environment and flags: which wins, what is refused and in which words, what is warned about."""

import json
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.settings.load import Loaded, SettingsError, load, search, shown
from aiclient2api.settings.schema import KEYS, NOT_YET_HONOURED, SECRET_KEYS, Fallback, Replacement, Settings


def of_file(folder: Path, text: str | Mapping[str, object]) -> Loaded:
    """Settings of a file with this text, or with these members."""
    return load(written(folder, text), {}, {})


def written(folder: Path, text: str | Mapping[str, object]) -> Path:
    path = folder / "config.json"
    path.write_text(text if isinstance(text, str) else json.dumps(text), "utf-8")
    return path


def of_environment(**environ: str) -> Loaded:
    return load(None, environ, {})


def value(loaded: Loaded, key: str) -> object:
    """The value as JSON."""
    found: object = json.loads(json.dumps(msgspec.to_builtins(loaded.settings)[key]))
    return found


def refused(
    file: Path | None, environ: Mapping[str, str] | None = None, flags: Mapping[str, object] | None = None
) -> str:
    with pytest.raises(SettingsError) as caught:
        load(file, environ or {}, flags or {})
    return str(caught.value)


# --- where values come from


def test_defaults() -> None:
    loaded = load(None, {}, {})
    assert loaded.settings == Settings()
    assert set(loaded.sources.values()) == {"default"}
    assert list(loaded.sources) == list(KEYS)
    assert (loaded.warnings, loaded.file) == ((), None)


def test_the_guides_minimal_configuration(tmp_path: Path) -> None:
    text = """{
        "REQUIRED_API_KEY": "123456",
        "SERVER_PORT": 3000,
        "HOST": "localhost",
        "MODEL_PROVIDER": "claude-kiro-oauth"
    }"""
    loaded = of_file(tmp_path, text)
    assert loaded.settings.required_api_key == "123456"
    assert loaded.settings.model_provider == "claude-kiro-oauth"
    assert {key for key, source in loaded.sources.items() if source == "file"} == set(json.loads(text))
    assert loaded.warnings == ()


SAMPLES: dict[str, tuple[object, object, object]] = {
    "SERVER_PORT": (1, 2, 3),
    "HOST": ("f", "e", "g"),
    "KIRO_STRICT_END": (True, False, True),
    "REQUIRED_API_KEY": (["f", "g"], "e", "g"),
    "MODEL_PROVIDER": ("a", ["b", "c"], "d"),
    "MODEL_ALIASES": ({"a": "f"}, {"a": "e"}, {"a": "g"}),
    "PROXY_ENABLED_PROVIDERS": (["f"], ["e"], ["g"]),
    "KIRO_WIRE": ("rest", "runtime", "auto"),
    "providerFallbackChain": ({"a": ["f"]}, {"a": ["e", "f"]}, {}),
}


@pytest.mark.parametrize("key", SAMPLES)
def test_flags_win_over_environment_over_file(tmp_path: Path, key: str) -> None:
    in_file, in_environment, in_flag = SAMPLES[key]
    file = written(tmp_path, {key: in_file})
    text = in_environment if isinstance(in_environment, str) else json.dumps(in_environment)
    for environ, flags, expected, source in (
        ({}, {}, in_file, "file"),
        ({key: text}, {}, in_environment, "environment"),
        ({key: text}, {key: in_flag}, in_flag, "flag"),
        ({}, {key: in_flag}, in_flag, "flag"),
    ):
        loaded = load(file, environ, flags)
        assert value(loaded, key) == expected
        assert loaded.sources[key] == source
    assert loaded.file == file


def test_not_given_is_not_set(tmp_path: Path) -> None:
    """null in the file, null or nothing in the environment, None as a flag."""
    file = written(tmp_path, {"HOST": "from-file", "KIRO_REGION": None, "SERVER_PORT": None, "MODEL_ALIASES": None})
    environ = {"HOST": "", "KIRO_REGION": "null", "SERVER_PORT": "null", "MODEL_ALIASES": "null", "LOG_LEVEL": "null"}
    loaded = load(file, environ, {"HOST": None, "SERVER_PORT": None})
    assert loaded.sources["HOST"] == "file"
    assert {loaded.sources[key] for key in environ if key != "HOST"} == {"default"}
    assert msgspec.structs.replace(loaded.settings, host="localhost") == Settings()


@pytest.mark.parametrize("key", KEYS)
def test_null_is_not_set_for_every_key(tmp_path: Path, key: str) -> None:
    assert of_file(tmp_path, {key: None}).settings == Settings()
    assert load(None, {key: "null"}, {key: None}).settings == Settings()


@pytest.mark.parametrize("key", KEYS)
def test_every_key_is_an_environment_variable(key: str) -> None:
    """Its own default comes back the way the contract writes it: texts as they are, anything else as JSON."""
    default = value(load(None, {}, {}), key)
    example = "https://x" if key.endswith("_URL") else "x"
    text = default if isinstance(default, str) else json.dumps(default) if default is not None else example
    loaded = of_environment(**{key: text})
    assert loaded.sources[key] == "environment"
    assert value(loaded, key) == (text if default is None else default)


ENVIRONMENT: list[tuple[str, str, object]] = [
    ("SERVER_PORT", "8080", 8080),
    ("SERVER_PORT", " 8080 ", 8080),
    ("CRON_REFRESH_TOKEN", "false", False),
    ("CRON_REFRESH_TOKEN", "0", False),
    ("CRON_REFRESH_TOKEN", "No", False),
    ("CRON_REFRESH_TOKEN", "off ", False),
    ("KIRO_STRICT_END", "TRUE", True),
    ("KIRO_STRICT_END", "1", True),
    ("KIRO_STRICT_END", "yes", True),
    ("KIRO_STRICT_END", "on", True),
    ("MODEL_PROVIDER", "a,b", "a,b"),
    ("MODEL_PROVIDER", '["a", "b"]', ["a", "b"]),
    ("REQUIRED_API_KEY", "123456", "123456"),
    ("REQUIRED_API_KEY", "true", "true"),
    ("REQUIRED_API_KEY", '{"a":1}', '{"a":1}'),
    ("REQUIRED_API_KEY", '["one", "two"]', ["one", "two"]),
    ("REQUIRED_API_KEY", "[not json", "[not json"),
    ("KIRO_REGION", "1", "1"),
    ("KIRO_OAUTH_CREDS_FILE_PATH", "/a b/c.json", "/a b/c.json"),
    ("MODEL_ALIASES", '{"fast": "x"}', {"fast": "x"}),
    ("PROXY_ENABLED_PROVIDERS", '["a"]', ["a"]),
    ("SYSTEM_PROMPT_REPLACEMENTS", '[{"old":"a","new":"b"}]', [{"old": "a", "new": "b"}]),
    ("providerFallbackChain", '{"a":["b"]}', {"a": ["b"]}),
]


@pytest.mark.parametrize(("key", "text", "expected"), ENVIRONMENT)
def test_texts_of_the_environment(key: str, text: str, expected: object) -> None:
    assert value(of_environment(**{key: text}), key) == expected


def test_structured_values(tmp_path: Path) -> None:
    settings = of_file(
        tmp_path,
        {
            "modelFallbackMapping": {"m": {"targetProviderType": "openai-custom", "targetModel": "n"}},
            "SYSTEM_PROMPT_REPLACEMENTS": [{"old": "a", "new": ""}],
        },
    ).settings
    assert settings.model_fallback_mapping == {"m": Fallback(target_provider="openai-custom", target_model="n")}
    assert settings.system_prompt_replacements == (Replacement("a", ""),)


def test_a_byte_order_mark_is_read_over(tmp_path: Path) -> None:
    assert of_file(tmp_path, '\ufeff{"HOST":"x"}').settings.host == "x"


# --- what is refused

NESTED = """{
  "MODEL_ALIASES": {"SERVER_PORT": "x", "HOST": "\\"SERVER_PORT\\": 1"},
  "LOG_DIR": "SERVER_PORT",
  "SERVER_PORT": "no",
  "HOST": "x"
}"""

WRONG: dict[str, tuple[str, str]] = {
    "a text for a number": ('{\n\n"SERVER_PORT": "3000"}', "line 3: SERVER_PORT = '3000' is not valid (Expected 'int'"),
    "out of range": ('{"SERVER_PORT": 65536}', "line 1: SERVER_PORT = 65536 is not valid (Expected 'int' <= 65535"),
    "negative": ('{\n"LOG_MAX_FILES": -1}', "line 2: LOG_MAX_FILES = -1 is not valid (Expected 'int' >= 0"),
    "a fraction": ('{"AXIOS_TIMEOUT": 1.5}', "line 1: AXIOS_TIMEOUT = 1.5 is not valid (Expected 'int'"),
    "a number for a text": ('{"HOST": 1}', "line 1: HOST = 1 is not valid (Expected 'str"),
    "a number for yes or no": ('{"UI_ENABLED": 1}', "line 1: UI_ENABLED = 1 is not valid (Expected 'bool'"),
    "yes or no for a number": ('{"SERVER_PORT": true}', "line 1: SERVER_PORT = True is not valid (Expected 'int'"),
    "an unknown word": ('{"LOG_LEVEL": "loud"}', "line 1: LOG_LEVEL = 'loud' is not valid (Invalid enum value 'loud'"),
    "a text for a list": (
        '{"PROXY_ENABLED_PROVIDERS": "a"}',
        "PROXY_ENABLED_PROVIDERS = 'a' is not valid (Expected 'array'",
    ),
    "a list for an object": ('{"MODEL_ALIASES": []}', "MODEL_ALIASES = [] is not valid (Expected 'object'"),
    "within": (
        '{"SYSTEM_PROMPT_REPLACEMENTS": [{"old": "a"}]}',
        "is not valid (Object missing required field 'new' - at '$[0]').",
    ),
    "unknown within": (
        '{"SYSTEM_PROMPT_REPLACEMENTS": [{"old": "a", "new": "b", "x": 1}]}',
        "is not valid (Object contains unknown field 'x' - at '$[0]').",
    ),
    "the same key elsewhere": (NESTED, "line 4: SERVER_PORT = 'no'"),
    "the key in escapes": ('{"HOST":"x",\n"SERVER_\\u0050ORT": "no"}', "line 2: SERVER_PORT = 'no'"),
    "the key twice": ('{"SERVER_PORT": 1,\n"SERVER_PORT": "no"}', "line 2: SERVER_PORT = 'no'"),
    "a lone surrogate": ('{"LOG_LEVEL": "\\ud800"}', "line 1: LOG_LEVEL = '\\ud800' is not valid ('utf-8' codec"),
    "NaN": ('{"SERVER_PORT": NaN}', "line 1: SERVER_PORT = nan is not valid"),
    "no JSON": ('{\n  "HOST": "x",\n  HOST: 1}', "line 3, column 3: not valid JSON (Expecting property name"),
    "a comment": ('{\n"HOST": "x" // mine\n}', "line 2, column 13: not valid JSON"),
    "half": ('{"HOST": "x', "line 1, column 10: not valid JSON (Unterminated string"),
    "empty": ("", "line 1, column 1: not valid JSON"),
    "two objects": ("{}\n{}", "line 2, column 1: not valid JSON (Extra data)"),
    "a list": ("[]", "line 1: the configuration must be one JSON object."),
    "null": ("null", "line 1: the configuration must be one JSON object."),
    "nested deeply": ("[" * 100_000, "the JSON is nested too deeply."),
    "digits": ('{"SERVER_PORT": ' + "1" * 5000 + "}", "a number has too many digits."),
    "digits in an unknown key": ('{"x": ' + "1" * 5000 + "}", "a number has too many digits."),
}


@pytest.mark.parametrize(("text", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_file_is_refused_with_file_line_and_key(tmp_path: Path, text: str, message: str) -> None:
    file = written(tmp_path, text)
    said = refused(file)
    assert said.startswith(str(file))
    assert message in said
    assert "`" not in said
    assert len(said) < 600


def test_wrong_values_elsewhere_name_their_source() -> None:
    assert refused(None, {"SERVER_PORT": "http"}) == (
        "environment: SERVER_PORT = 'http' is not valid (Expected 'int', got 'str')."
    )
    assert (
        refused(None, flags={"LOG_LEVEL": "loud"})
        == "flag: LOG_LEVEL = 'loud' is not valid (Invalid enum value 'loud')."
    )
    assert refused(None, {"UI_ENABLED": "maybe"}).startswith("environment: UI_ENABLED = 'maybe' is not valid")
    assert refused(None, {"MODEL_ALIASES": "{a"}).startswith("environment: MODEL_ALIASES = '{a' is not valid")
    assert refused(None, {"SERVER_PORT": "1" * 5000}).startswith("environment: SERVER_PORT = '111")


def test_a_long_value_is_shown_in_part(tmp_path: Path) -> None:
    for key in ("SERVER_PORT", "LOG_LEVEL"):
        said = refused(written(tmp_path, {key: "x" * 100_000}))
        assert len(said) < 600 + len(str(tmp_path))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "none.json"
    assert refused(missing) == f"Configuration file not found: {missing}"
    assert refused(tmp_path).startswith(f"Configuration file {tmp_path} cannot be read: ")
    utf16 = tmp_path / "utf16.json"
    utf16.write_bytes('{"HOST":"x"}'.encode("utf-16"))
    assert refused(utf16).startswith(f"Configuration file {utf16} cannot be read: ")


CANARY = "canary-0123456789"


@pytest.mark.parametrize("key", sorted(SECRET_KEYS))
def test_a_secret_is_in_no_message(tmp_path: Path, key: str) -> None:
    for wrong in ({"a": CANARY}, [{"b": CANARY}], [CANARY, 1]):
        said = refused(written(tmp_path, {key: wrong}))
        assert CANARY not in said
        assert f"line 1: {key} = (not shown) is not valid" in said
        assert CANARY not in refused(None, flags={key: wrong})
    loaded = load(written(tmp_path, {key: CANARY, key + "x": CANARY}), {}, {})
    assert CANARY not in repr(loaded)
    assert CANARY not in str(shown(loaded))
    assert CANARY not in str(loaded.warnings)


# --- what is warned about


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        ("SERVER_PROT", " Did you mean SERVER_PORT?"),
        ("server_port", " Did you mean SERVER_PORT?"),
        ("requiredApiKey", " Did you mean REQUIRED_API_KEY?"),
        ("provider_fallback_chain", " Did you mean providerFallbackChain?"),
        ("KIRO_OAUTH_CREDS_FILE", " Did you mean KIRO_OAUTH_CREDS_FILE_PATH?"),
        ("Host", " Did you mean HOST?"),
        ("xyzzy", ""),
        ("x" * 300, ""),
        ("\ud800", ""),
        ("", ""),
    ],
)
def test_unknown_keys_get_the_nearest_name(tmp_path: Path, key: str, hint: str) -> None:
    loaded = of_file(tmp_path, {key: "value-of-it", "HOST": "x"})
    shown = {"\ud800": "\\ud800", "x" * 300: "x" * 200 + "…"}.get(key, key)
    assert loaded.warnings == (f"Unknown setting {shown} is ignored.{hint}",)
    assert loaded.settings.host == "x"


def test_an_unknown_key_in_the_environment_is_nobodys_business() -> None:
    assert of_environment(SERVER_PROT="1", PATH="/bin").warnings == ()


def test_a_key_that_stands_twice(tmp_path: Path) -> None:
    loaded = of_file(tmp_path, '{"HOST":"a","MODEL_ALIASES":{"HOST":"x"},"HOST":"b"}')
    assert loaded.settings.host == "b"
    assert loaded.warnings == (f"HOST stands more than once in {tmp_path / 'config.json'}; the last counts.",)


@pytest.mark.parametrize("key", sorted(NOT_YET_HONOURED))
def test_a_key_that_is_not_used_yet_is_never_taken_in_silence(tmp_path: Path, key: str) -> None:
    default = value(load(None, {}, {}), key)
    given = "x" if default is None else default
    text = given if isinstance(given, str) else json.dumps(given)
    for loaded in (of_file(tmp_path, {key: given}), of_environment(**{key: text}), load(None, {}, {key: given})):
        assert loaded.warnings == (f"{key} is set, but this version does not use it yet.",)


# --- shown and search


def test_shown_has_every_key_with_its_source_and_masks_secrets(tmp_path: Path) -> None:
    file = written(tmp_path, {"REQUIRED_API_KEY": [CANARY, CANARY], "PROXY_URL": f"http://u:{CANARY}@h", "HOST": "f"})
    rows = shown(load(file, {"SERVER_PORT": "1"}, {"LOG_LEVEL": "debug"}))
    assert [key for key, _, _ in rows] == list(KEYS)
    table = {key: (value, source) for key, value, source in rows}
    assert table["REQUIRED_API_KEY"] == ("***", "file")
    assert table["PROXY_URL"] == ("***", "file")
    assert table["KIRO_API_KEY"] == (None, "default")
    assert table["HOST"] == ("f", "file")
    assert table["SERVER_PORT"] == (1, "environment")
    assert table["LOG_LEVEL"] == ("debug", "flag")
    assert json.loads(json.dumps(rows))


def test_search(tmp_path: Path) -> None:
    here, user = tmp_path / "here", tmp_path / "user"
    (here / "configs").mkdir(parents=True)
    user.mkdir()
    assert search(None, here, user) is None
    for folder in (user, here / "configs", here):
        path = folder / "config.json"
        path.write_text("{}")
        assert search(None, here, user) == path
    assert search("other.json", here, user) == Path("other.json")


def test_a_folder_of_that_name_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    assert search(None, tmp_path, tmp_path) is None


# --- anything

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(KEYS), _json, max_size=3), st.integers(0, 60), st.binary(max_size=2))
def test_random_files_are_taken_or_refused(
    tmp_path_factory: pytest.TempPathFactory, members: dict[str, object], at: int, damage: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "random.json"
    data = json.dumps(members).encode()
    path.write_bytes(data[:at] + damage + data[at:])
    try:
        loaded = load(path, {}, {})
    except SettingsError as error:
        assert str(path) in str(error)  # noqa: PT017
        return
    assert {key for key, source in loaded.sources.items() if source == "file"} <= set(KEYS)


@given(st.dictionaries(st.sampled_from(KEYS), st.text(max_size=12), max_size=3))
def test_random_environments_are_taken_or_refused(environ: dict[str, str]) -> None:
    try:
        loaded = load(None, environ, {})
    except SettingsError:
        return
    assert {key for key, source in loaded.sources.items() if source == "environment"} <= set(environ)


@pytest.mark.parametrize("value", ["http://[", "ftp://host/x", "nonsense", "https://", "http://a b"])
def test_addresses_are_looked_at_before_they_are_used(value: str) -> None:
    with pytest.raises(SettingsError, match=r"OPENAI_BASE_URL .*an address begins with http"):
        load(None, {"OPENAI_BASE_URL": value}, {})


@pytest.mark.parametrize("value", ["http://[::1]:99/v1", "https://a.example", "http://localhost:11434/v1?x=1"])
def test_addresses_of_all_sorts(value: str) -> None:
    assert load(None, {"OPENAI_BASE_URL": value}, {}).settings.openai_base_url == value
