"""Pool files in the forms that people have: what is read, what is warned about, what is refused and where."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.settings.lines import line_of
from aiclient2api.settings.load import SettingsError
from aiclient2api.settings.pools import PoolAccount, Pools, account_keys, parse_pools, read_pools
from aiclient2api.settings.schema import KEYS, PROVIDERS, SECRET_KEYS, Settings

FILE = Path("pools.json")
KIRO = "claude-kiro-oauth"


def pools(document: str | Mapping[str, object]) -> Pools:
    return parse_pools(document if isinstance(document, str) else json.dumps(document), FILE)


def one(fields: Mapping[str, object], provider: str = "openai-custom") -> PoolAccount:
    """The only account of a pool, without warnings."""
    read = pools({provider: [{"OPENAI_API_KEY": "sk-one", **fields}]})
    assert read.warnings == ()
    [account] = read.accounts[provider]
    return account


def refused(document: str | Mapping[str, object]) -> str:
    with pytest.raises(SettingsError) as caught:
        pools(document)
    return str(caught.value)


# --- the forms

GUIDE = """{
  "claude-kiro-oauth": {
    "accounts": [
      {"KIRO_OAUTH_CREDS_FILE_PATH": "/path/to/account1.json", "weight": 1},
      {"KIRO_OAUTH_CREDS_FILE_PATH": "/path/to/account2.json", "weight": 2}
    ]
  }
}"""

IN_THE_WILD = """{
  "claude-kiro-oauth": [
    {
      "customName": "Kiro 一号",
      "KIRO_OAUTH_CREDS_FILE_PATH": "./configs/kiro/one.json",
      "uuid": "2c69d0ac-b86f-43d8-9d17-0d300afc5cfd",
      "checkModelName": null,
      "checkHealth": false,
      "supportedModels": ["claude-sonnet-4-5"],
      "notSupportedModels": [],
      "concurrencyLimit": 0,
      "queueLimit": 0,
      "isHealthy": false,
      "isDisabled": false,
      "lastUsed": "2026-05-01T10:00:00.000Z",
      "usageCount": 31,
      "errorCount": 3,
      "lastErrorTime": "2026-05-01T10:00:00.000Z",
      "lastErrorMessage": "Request failed with status code 429",
      "needsRefresh": false,
      "refreshCount": 2,
      "lastRefreshTime": 1777629600000,
      "lastHealthCheckTime": null,
      "lastHealthCheckModel": "claude-haiku-4-5",
      "scheduledRecoveryTime": null,
      "_lastSelectionSeq": 17
    },
    {"KIRO_OAUTH_CREDS_FILE_PATH": "./configs/kiro/two.json", "uuid": null, "isDisabled": true}
  ],
  "openai-custom": [
    {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "https://api.example.com/v1", "notSupportedModels": ["gpt-4"]}
  ],
  "openai-custom-2": [{"OPENAI_API_KEY": "sk-2", "OPENAI_BASE_URL": "", "concurrencyLimit": 3}],
  "gemini-cli-oauth": [{"GEMINI_OAUTH_CREDS_FILE_PATH": "./credentials1.json", "PROJECT_ID": "project-1"}],
  "claude-custom": []
}"""


def test_the_guides_form() -> None:
    read = pools(GUIDE)
    first, second = read.accounts[KIRO]
    assert read.warnings == ()
    assert (first.weight, second.weight) == (1.0, 2.0)
    assert first.own.kiro_oauth_creds_file_path == "/path/to/account1.json"
    assert first.id.startswith("kiro-")
    assert first.id != second.id


def test_the_form_in_the_wild() -> None:
    read = pools(IN_THE_WILD)
    assert read.warnings == ()
    first, second = read.accounts[KIRO]
    assert (first.id, first.name) == ("2c69d0ac-b86f-43d8-9d17-0d300afc5cfd", "Kiro 一号")
    assert (first.allowed, first.forbidden, first.limit) == (("claude-sonnet-4-5",), (), None)
    assert (first.disabled, second.disabled) == (False, True)
    assert second.id.startswith("kiro-")
    [plain] = read.accounts["openai-custom"]
    assert (plain.forbidden, plain.own.openai_base_url) == (("gpt-4",), "https://api.example.com/v1")
    [suffixed] = read.accounts["openai-custom-2"]
    assert (suffixed.provider, suffixed.limit, suffixed.given) == ("openai-custom", 3, ("OPENAI_API_KEY",))
    assert read.accounts["claude-custom"] == ()


def test_both_forms_give_the_same_accounts() -> None:
    accounts = json.loads(GUIDE)[KIRO]["accounts"]
    assert pools({KIRO: accounts}).accounts == pools(GUIDE).accounts


def test_an_empty_file_of_pools() -> None:
    assert pools("{}") == Pools({}, (), FILE)
    assert pools({KIRO: {"accounts": []}}).accounts == {KIRO: ()}


def test_a_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "pools.json"
    path.write_text("\ufeff" + GUIDE, "utf-8")
    assert read_pools(path).accounts == pools(GUIDE).accounts
    assert read_pools(path).file == path


# --- fields

FIELDS: dict[str, tuple[object, str, object]] = {
    "uuid": ("work@home.example:1", "id", "work@home.example:1"),
    "customName": ("工作", "name", "工作"),
    "isDisabled": (True, "disabled", True),
    "supportedModels": (["a", "b*"], "allowed", ("a", "b*")),
    "notSupportedModels": (["c"], "forbidden", ("c",)),
    "weight": (2.5, "weight", 2.5),
    "concurrencyLimit": (4, "limit", 4),
}


@pytest.mark.parametrize("field", FIELDS)
def test_every_field(field: str) -> None:
    given, attribute, expected = FIELDS[field]
    assert getattr(one({field: given}), attribute) == expected


@pytest.mark.parametrize("field", FIELDS)
def test_null_is_not_set_for_every_field(field: str) -> None:
    assert one({field: None}) == one({})


def test_none_of_zero_requests_at_once() -> None:
    assert one({"concurrencyLimit": 0}).limit is None


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_key_of_every_provider(provider: str) -> None:
    samples: dict[str, object] = {"KIRO_WIRE": "rest", "KIRO_STRICT_END": False}
    given = {
        key: samples.get(key, f"https://{key}.example" if "URL" in key else f"{key}-value")
        for key in account_keys(provider)
    }
    read = pools({provider: [given]})
    assert read.warnings == ()
    [account] = read.accounts[provider]
    assert (account.provider, set(account.given)) == (provider, set(given))
    for key, value in given.items():
        assert getattr(account.own, key.lower()) == value
    assert set(account_keys(provider)) <= set(KEYS)


def test_the_keys_of_the_contract() -> None:
    found = {provider: [key for key in account_keys(provider) if key != "PROXY_URL"] for provider in PROVIDERS}
    assert set(found[KIRO]) == {key for key in KEYS if key.startswith("KIRO_")}
    assert found["claude-custom"] == ["CLAUDE_API_KEY", "CLAUDE_BASE_URL"]
    assert found["openai-custom"] == found["openaiResponses-custom"] == ["OPENAI_API_KEY", "OPENAI_BASE_URL"]
    assert found["gemini-custom"] == ["GEMINI_API_KEY", "GEMINI_BASE_URL"]
    assert set(found["gemini-cli-oauth"]) == {
        *("GEMINI_OAUTH_CREDS_FILE_PATH", "GEMINI_OAUTH_CREDS_BASE64", "GEMINI_OAUTH_CLIENT_ID"),
        *("GEMINI_OAUTH_CLIENT_SECRET", "PROJECT_ID", "GEMINI_CLI_BASE_URL", "GEMINI_OAUTH_TOKEN_URL"),
    }
    assert found["simulator"] == []
    assert all("PROXY_URL" in account_keys(provider) for provider in PROVIDERS)


def test_the_page_names_every_field() -> None:
    page = (Path(__file__).parents[2] / "docs" / "pools.md").read_text("utf-8")
    assert [field for field in (*FIELDS, "PROXY_URL") if f"`{field}`" not in page] == []


# --- ids


def test_an_id_stays_as_long_as_the_credential_stays() -> None:
    plain = one({}).id
    assert plain == one({"weight": 3, "customName": "x", "PROXY_URL": "http://proxy"}).id
    assert plain != one({"OPENAI_API_KEY": "sk-other"}).id
    assert plain.startswith("openai-")
    assert "sk-one" not in plain


def test_an_id_that_stands_twice_is_refused() -> None:
    twice = [{"OPENAI_API_KEY": "sk-1", "uuid": "x"}, {"OPENAI_API_KEY": "sk-2", "uuid": "x"}]
    assert refused(json.dumps({"openai-custom": twice}, indent=1)) == (
        "pools.json, line 9: openai-custom[1].uuid = 'x' stands at another account, too."
    )


def test_a_credential_that_stands_twice_is_left_out_once() -> None:
    read = pools({"openai-custom": [{"OPENAI_API_KEY": "sk-1", "uuid": "a"}, {"OPENAI_API_KEY": "sk-1"}]})
    assert [each.id for each in read.accounts["openai-custom"]] == ["a"]
    assert read.warnings == (
        "pools.json, line 1: openai-custom[1] has the credential of another account and is left out.",
    )


@pytest.mark.parametrize("uuid", ["a\r\nset-cookie: x", "a b", "é", "a\n", "x" * 101])
def test_an_id_must_be_fit_for_a_header(uuid: str) -> None:
    assert "openai-custom[0].uuid = " in refused({"openai-custom": [{"OPENAI_API_KEY": "sk", "uuid": uuid}]})


# --- the settings of an account


def test_an_account_has_its_own_keys_and_no_others_credential() -> None:
    common = Settings(
        kiro_api_key="ksk_common",
        kiro_oauth_creds_file_path="/common.json",
        kiro_profile_arn="arn:common",
        kiro_region="eu-west-1",
        openai_api_key="sk-common",
        proxy_url="http://common",
        request_max_retries=7,
    )
    [account] = pools({KIRO: [{"KIRO_OAUTH_CREDS_FILE_PATH": "/own.json"}]}).accounts[KIRO]
    mine = account.settings(common)
    assert mine.kiro_oauth_creds_file_path == "/own.json"
    assert (mine.kiro_api_key, mine.kiro_profile_arn) == (None, None)
    assert (mine.kiro_region, mine.proxy_url, mine.request_max_retries) == ("eu-west-1", "http://common", 7)
    assert mine.openai_api_key == "sk-common"


def test_an_account_with_a_proxy_of_its_own() -> None:
    account = one({"PROXY_URL": "socks5://user:password@own:1080", "OPENAI_BASE_URL": "http://own/v1"})
    mine = account.settings(Settings(proxy_url="http://common", openai_base_url="http://common/v1"))
    assert mine.proxy_url == "socks5://user:password@own:1080"
    assert (mine.openai_api_key, mine.openai_base_url) == ("sk-one", "http://own/v1")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_secret_is_printed(provider: str) -> None:
    canary = "S3cret-canary"
    given = {key: canary + key for key in account_keys(provider) if key in SECRET_KEYS}
    read = pools({provider: [given]})
    for text in (repr(read), str(read.accounts), f"{read.accounts[provider][0]!r}"):
        assert canary not in text
        assert text.count("***") == len(given)


# --- warnings


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        ({"wieght": 2}, ".wieght has no meaning here and is ignored. Did you mean weight?"),
        ({"isdisabled": True}, ".isdisabled has no meaning here and is ignored. Did you mean isDisabled?"),
        ({"openai_api_key": "x"}, ".openai_api_key has no meaning here and is ignored. Did you mean OPENAI_API_KEY?"),
        ({"CLAUDE_API_KEY": "x"}, ".CLAUDE_API_KEY has no meaning here and is ignored. It is a key of claude-custom."),
        ({"qqqqqqq": 1}, ".qqqqqqq has no meaning here and is ignored."),
        ({"checkHealth": True}, ".checkHealth has no meaning here and is ignored."),
        ({"queueLimit": 5}, ".queueLimit has no meaning here and is ignored."),
    ],
)
def test_fields_without_a_meaning(fields: Mapping[str, object], warning: str) -> None:
    read = pools({"openai-custom": [{"OPENAI_API_KEY": "sk", **fields}]})
    assert read.warnings == (f"pools.json, line 1: openai-custom[0]{warning}",)
    assert len(read.accounts["openai-custom"]) == 1


def test_a_provider_that_there_is_not() -> None:
    read = pools({"claude-kiro-outh": [{"x": 1}], "gemini-antigravity": [{}], KIRO: []})
    assert set(read.accounts) == {KIRO}
    assert read.warnings[0] == (
        "pools.json: there is no provider 'claude-kiro-outh'; its accounts are not used. Did you mean"
        " claude-kiro-oauth?"
    )
    assert "there is no provider 'gemini-antigravity'" in read.warnings[1]


def test_an_account_without_a_credential() -> None:
    read = pools({KIRO: [{"customName": "x", "KIRO_REGION": "eu-west-1"}], "simulator": [{}]})
    assert read.warnings == (
        "pools.json, line 1: claude-kiro-oauth[0] has no credential (KIRO_OAUTH_CREDS_FILE_PATH,"
        " KIRO_OAUTH_CREDS_DIR_PATH, KIRO_OAUTH_CREDS_BASE64, KIRO_API_KEY).",
    )
    assert len(read.accounts[KIRO]) == len(read.accounts["simulator"]) == 1


def test_members_beside_the_accounts() -> None:
    read = pools('{"openai-custom": {\n"acounts": [],\n"accounts": []}}')
    assert read.warnings == ("pools.json, line 2: openai-custom.acounts has no meaning here. Did you mean accounts?",)


def test_doubled_names() -> None:
    read = pools('{"openai-custom": [{"OPENAI_API_KEY": "a"}], "openai-custom": [{"OPENAI_API_KEY": "b"}]}')
    assert read.warnings == ("pools.json: openai-custom stands more than once in one object; the last counts.",)
    assert [each.own.openai_api_key for each in read.accounts["openai-custom"]] == ["b"]


# --- refusals


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "pools.json, line 1, column 1: not valid JSON (Expecting value)."),
        ('{"openai-custom": [\n{]}', "pools.json, line 2, column 2: not valid JSON"),
        ("[]", 'pools.json, line 1: a pool file is one JSON object, {"provider": [accounts]}.'),
        ('{"a": ' + "[" * 100_000, "pools.json: the JSON is nested too deeply."),
        ('{"a": ' + "9" * 5000 + "}", "pools.json: a number has too many digits."),
        (
            '{\n"openai-custom":\n"x"}',
            'pools.json, line 2: openai-custom is neither a list of accounts nor {"accounts": [list]}.',
        ),
        ('{"openai-custom": {"accounts": {}}}', "openai-custom is neither a list of accounts"),
        ('{"openai-custom": [{}, 5]}', "pools.json, line 1: openai-custom[1] is not an object."),
        (
            '{"claude-kiro-oauth": {"accounts": [\n{},\n{"weight": "heavy"}]}}',
            "pools.json, line 3: claude-kiro-oauth.accounts[1].weight = 'heavy' is not valid (Expected 'float | null',"
            " got 'str').",
        ),
        ('{"openai-custom": [{"weight": 0}]}', "openai-custom[0].weight = 0 is not valid"),
        ('{"openai-custom": [{"weight": NaN}]}', "openai-custom[0].weight = nan is not valid"),
        ('{"openai-custom": [{"weight": Infinity}]}', "openai-custom[0].weight = inf is not valid"),
        ('{"openai-custom": [{"concurrencyLimit": -1}]}', "openai-custom[0].concurrencyLimit = -1 is not valid"),
        ('{"openai-custom": [{"concurrencyLimit": 1.5}]}', "openai-custom[0].concurrencyLimit = 1.5 is not valid"),
        ('{"openai-custom": [{"isDisabled": "true"}]}', "openai-custom[0].isDisabled = 'true' is not valid"),
        ('{"openai-custom": [{"supportedModels": "gpt"}]}', "openai-custom[0].supportedModels = 'gpt' is not valid"),
        ('{"openai-custom": [{"OPENAI_BASE_URL": 5}]}', "openai-custom[0].OPENAI_BASE_URL = 5 is not valid"),
        (
            '{"claude-kiro-oauth": [{"KIRO_WIRE": "carrier pigeon"}]}',
            "claude-kiro-oauth[0].KIRO_WIRE = 'carrier pigeon' is not valid",
        ),
        (
            '{"openai-custom": [{"OPENAI_API_KEY": ["S3cret"]}]}',
            "openai-custom[0].OPENAI_API_KEY = (not shown) is not valid",
        ),
    ],
)
def test_refused_with_file_line_and_path(text: str, message: str) -> None:
    said = refused(text)
    assert message in said
    assert "S3cret" not in said


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "none.json", "Pool file not found: "), (tmp_path, "cannot be read: ")):
        with pytest.raises(SettingsError, match=words) as caught:
            read_pools(path)
        assert str(path) in str(caught.value)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "pools.json"
    path.write_bytes(b"\xff\xfe{}")
    with pytest.raises(SettingsError, match="cannot be read"):
        read_pools(path)


# --- anything at all

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
field_names = st.sampled_from(["uuid", "weight", "concurrencyLimit", "isDisabled", "OPENAI_API_KEY", "x"])
accounts = st.lists(st.dictionaries(field_names, json_values, max_size=4) | json_values, max_size=3)
documents = st.dictionaries(
    st.sampled_from(["openai-custom", "openai-custom-x", "simulator", "nobody"]),
    accounts | st.fixed_dictionaries({"accounts": accounts | json_values}) | json_values,
    max_size=3,
)


def read_or_refused(text: str) -> Pools | str:
    try:
        return parse_pools(text, FILE)
    except SettingsError as error:
        return str(error)


@given(documents | json_values)
def test_random_documents_are_read_or_refused(document: object) -> None:
    read = read_or_refused(json.dumps(document, indent=1))
    if isinstance(read, str):
        assert read.startswith("pools.json")
        return
    for found in read.accounts.values():
        assert len({each.id for each in found}) == len(found)
        assert all(each.id and each.weight > 0 for each in found)


@given(st.text(max_size=40))
def test_random_texts_are_read_or_refused(text: str) -> None:
    read = read_or_refused(text)
    assert isinstance(read, Pools) or read.startswith("pools.json")


# --- lines


@given(st.dictionaries(st.text(max_size=3), st.lists(json_values, max_size=3), min_size=1, max_size=4), st.data())
def test_random_lines_are_those_where_things_stand(document: dict[str, list[object]], data: st.DataObject) -> None:
    """A marked value is looked for where a search finds it."""
    name = data.draw(st.sampled_from(sorted(document)))
    at = data.draw(st.integers(0, len(document[name])))
    marked = {**document, name: [*document[name][:at], {"marked": "here I am"}, *document[name][at:]]}
    text = json.dumps(marked, indent=data.draw(st.sampled_from([None, 0, 1, 4])))
    expected = text.count("\n", 0, text.index('"marked"')) + 1
    assert line_of(text, (name, at, "marked")) == expected


def test_lines_of_doubled_members_and_of_all() -> None:
    text = '\n{"a": 1,\n"b": [1,\n2],\n"a": 3}'
    found = [line_of(text, path) for path in ((), ("a",), ("b",), ("b", 0), ("b", 1))]
    assert found == [2, 5, 3, 3, 4]
