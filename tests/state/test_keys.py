"""Keys as the gateway sees them: found by digest, refused when they have ended, bound to models and providers."""

import logging
import os
import statistics
import time
from pathlib import Path

import msgspec
import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.dialects.registry import DIALECTS
from aiclient2api.state import key_file
from aiclient2api.state.keys import (
    ClientKey,
    Grants,
    KeyRing,
    KeysError,
    allows,
    check_allowed,
    check_usable,
    digest_of,
    read_keys,
)

NOW = 1_795_644_870.0


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def key(**grants: object) -> ClientKey:
    return ClientKey(
        id="key_1",
        name="laptop",
        digest="1" * 64,
        prefix="sk-1",
        created=0,
        grants=msgspec.convert(grants, Grants),
    )


# --- the ring


def test_a_key_is_found_by_its_digest_only(tmp_path: Path) -> None:
    made, secret = key_file.create(tmp_path / "keys.json", "laptop", Grants(), NOW)
    ring = KeyRing(tmp_path / "keys.json")
    assert ring.find(digest_of(secret)) == made
    for other in (secret[:-1], secret + "x", "", made.digest, made.prefix, "sk-\udcff"):
        assert ring.find(digest_of(other)) is None
    assert ring.find(secret) is None


def test_what_another_process_does_holds_a_second_later(tmp_path: Path) -> None:
    path, clock = tmp_path / "keys.json", Clock()
    ring = KeyRing(path, clock)
    assert ring.keys() == ()
    made, secret = key_file.create(path, "laptop", Grants(), NOW)
    assert ring.find(digest_of(secret)) is None
    clock.now += 1
    assert ring.find(digest_of(secret)) == made
    key_file.revoke(path, made.id, NOW)
    clock.now += 1
    found = ring.find(digest_of(secret))
    assert found is not None
    assert found.state(NOW) == "revoked"
    path.unlink()
    clock.now += 1
    assert ring.keys() == ()


def test_a_file_that_does_not_change_is_read_once(tmp_path: Path) -> None:
    path, clock = tmp_path / "keys.json", Clock()
    _, secret = key_file.create(path, "laptop", Grants(), NOW)
    ring = KeyRing(path, clock)
    before = path.stat()
    path.write_bytes(path.read_bytes().replace(b"laptop", b"tablet"))  # same file, same size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    clock.now += 5
    found = ring.find(digest_of(secret))
    assert found is not None
    assert found.name == "laptop"


def test_a_file_that_breaks_leaves_the_keys_in_force(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, clock = tmp_path / "keys.json", Clock()
    _, secret = key_file.create(path, "laptop", Grants(), NOW)
    ring = KeyRing(path, clock)
    path.write_text("{", "utf-8")
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            clock.now += 1
            assert ring.find(digest_of(secret)) is not None
    assert len(caplog.records) == 1
    assert "is not a file of keys" in caplog.text
    assert "stay in force" in caplog.text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not a file of keys"),
        ("[]", "is not a file of keys"),
        ('{"version": 2}', "written by a newer version"),
        ('{"version": 1, "keys": [{"id": "a"}]}', "is not a file of keys"),
        ('{"keys": [{"id":"a","name":"a","digest":"sk-plain","prefix":"a","created":1,"grants":{}}]}', "of keys"),
        ("\udcff", "is not a file of keys"),
    ],
)
def test_a_broken_file_stops_the_start(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(KeysError, match=words) as caught:
        KeyRing(path)
    assert str(path) in str(caught.value)
    assert "sk-plain" not in str(caught.value)


def test_a_folder_in_the_place_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "keys.json").mkdir()
    with pytest.raises(KeysError, match="cannot be read: Is a directory"):
        read_keys(tmp_path / "keys.json")


def test_right_and_wrong_keys_take_as_long(tmp_path: Path) -> None:
    """S2: medians of a known and an unknown key, in turns; one path, so at most the cost of a hash table's miss."""
    _, secret = key_file.create(tmp_path / "keys.json", "laptop", Grants(), NOW)
    ring = KeyRing(tmp_path / "keys.json", Clock())
    first_wrong, last_wrong = "x" + secret[1:], secret[:-1] + ("x" if secret[-1] != "x" else "y")
    times: dict[str, list[int]] = {secret: [], first_wrong: [], last_wrong: []}
    for _ in range(3000):
        for text, spent in times.items():
            start = time.perf_counter_ns()
            ring.find(digest_of(text))
            spent.append(time.perf_counter_ns() - start)
    right, first, last = (statistics.median(spent) for spent in times.values())
    assert abs(first - last) < 0.1 * right
    assert abs(right - first) < 0.25 * right


# --- what a key may do


def test_states() -> None:
    limited = key(expires=int(NOW))
    assert (limited.state(NOW - 1), limited.state(NOW)) == ("active", "expired")
    check_usable(limited, NOW - 1)
    check_usable(key(), NOW)
    revoked = msgspec.structs.replace(limited, revoked=5)
    assert revoked.state(NOW) == "revoked"


@pytest.mark.parametrize("front", DIALECTS)
def test_ended_keys_are_401_and_foreign_models_403_in_every_dialect(front: str) -> None:
    dialect = DIALECTS[front]
    ended = (msgspec.structs.replace(key(), revoked=5), key(expires=5))
    for each, reason in zip(ended, ("revoked", "expired"), strict=True):
        with pytest.raises(GatewayError) as caught:
            check_usable(each, NOW)
        assert (caught.value.kind, caught.value.reason) == ("authentication", f"key_{reason}")
        answer = dialect.encode_error(caught.value, "req_1")
        assert answer.status == 401
        assert reason.encode() in answer.body
    bound = key(models=["claude-*"], providers=["claude-custom"])
    for provider, model, reason in (
        ("openai-custom", "claude-x", "key_provider_not_allowed"),
        ("claude-custom", "gpt-5", "key_model_not_allowed"),
    ):
        with pytest.raises(GatewayError) as caught:
            check_allowed(bound, provider, [model])
        assert (caught.value.kind, caught.value.reason) == ("permission", reason)
        assert dialect.encode_error(caught.value, "req_1").status == 403


@pytest.mark.parametrize(
    ("models", "providers", "provider", "names", "allowed"),
    [
        ([], [], "any", ["any"], True),
        (["claude-*"], [], "any", ["claude-sonnet-4-5"], True),
        (["claude-*"], [], "any", ["Claude-Sonnet-4-5"], True),
        (["claude-*"], [], "any", ["xclaude-sonnet"], False),
        (["claude-*"], [], "any", ["fast", "claude-haiku-4.5"], True),  # an alias: the served name is allowed
        (["fast"], [], "any", ["fast", "claude-haiku-4.5"], True),  # the alias itself is allowed
        (["gpt-5", "gpt-5-*"], [], "any", ["gpt-5.1"], False),
        (["*[1m]"], [], "any", ["claude-opus-5"], False),
        ([], ["claude-custom"], "claude-custom", ["x"], True),
        ([], ["claude-*"], "claude-kiro-oauth", ["x"], True),
        ([], ["claude-custom"], "claude-custom-2", ["x"], False),
        (["a"], ["p"], "q", ["a"], False),
    ],
)
def test_globs(models: list[str], providers: list[str], provider: str, names: list[str], allowed: bool) -> None:
    bound = key(models=models, providers=providers)
    assert allows(bound, provider, names) is allowed
    if allowed:
        check_allowed(bound, provider, names)
    else:
        with pytest.raises(GatewayError):
            check_allowed(bound, provider, names)


def test_a_glob_cannot_be_made_slow() -> None:
    bound = key(models=["*a" * 20 + "b"])
    start = time.perf_counter()
    assert not allows(bound, "p", ["a" * 5000])
    assert time.perf_counter() - start < 2
