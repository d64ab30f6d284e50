"""S15: whatever comes in, each decoder gives typed faults only, in less than a second and in bounded memory.

10^4 executions of each here, FUZZ_EXECUTIONS of them in `make fuzz` (10^7). The property tests of each codec
(`test_random_…`) say more about fewer inputs.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.validate import EventValidator
from aiclient2api.credentials import fields
from aiclient2api.dialects.base import Dialect, Rewrite, StreamDecoder
from aiclient2api.dialects.names import NameMap
from aiclient2api.dialects.passing import PassingDecoder
from aiclient2api.dialects.registry import DIALECTS
from aiclient2api.http1.intake import Intake
from aiclient2api.http1.messages import Limits
from aiclient2api.http1.request import Refused
from aiclient2api.providers.families import claude_shape
from aiclient2api.providers.kiro import account, errors, models
from aiclient2api.providers.kiro.decoder import KiroDecoder
from aiclient2api.settings.load import SettingsError, load
from aiclient2api.settings.pools import read_pools
from aiclient2api.wire import eventstream, jsonio, sse
from tests.faults.rig import EVERYTHING
from tests.http1.test_server_smuggling import GAMES, SEEDS
from tests.pairs.backs import BACKS
from tests.pairs.fronts import FRONTS
from tests.pairs.questions import QUESTIONS
from tests.passing import through
from tests.security.fuzzing import Damage, run

EXECUTIONS = int(os.environ.get("FUZZ_EXECUTIONS", "10000"))
DATA = Path(__file__).parents[1] / "data"
KIRO_STREAMS = [path.read_bytes() for path in sorted((DATA / "kiro" / "eventstream").glob("*.bin"))]
STREAMS = {
    back.dialect.name: b"".join(back.pieces(EVERYTHING.events))
    for back in BACKS.values()
    if back.dialect is not None and not back.wrapped
}
WHOLES = {
    back.dialect.name: back.whole(EVERYTHING.events)
    for back in BACKS.values()
    if back.dialect is not None and not back.wrapped
}
REQUESTS = {
    front.name: [
        front.body(each.request, "claude-opus-5", stream) for each in QUESTIONS.values() for stream in (False, True)
    ]
    for front in FRONTS.values()
    if front.whole
}
REWRITE = Rewrite(model=claude_shape("claude-opus-5"), requested="asked", family="anthropic")

Target = Callable[[Damage, bytes], None]


def fed(decoder: StreamDecoder, damage: Damage, data: bytes) -> None:
    """The events of a decoder are always in order, and it raises nothing."""
    validator = EventValidator()
    for piece in damage.pieces(data):
        validator.feed(decoder.feed(piece))
    validator.feed(decoder.close())


def json_door(damage: Damage, data: bytes) -> None:
    with contextlib.suppress(jsonio.JsonError):
        jsonio.parse(data)
    with contextlib.suppress(jsonio.JsonError):
        jsonio.members(data)
    with contextlib.suppress(jsonio.JsonError):
        jsonio.patch(data, {"model": b'"x"', "stream": None, "new": b"1"})


def sse_frames(damage: Damage, data: bytes) -> None:
    decoder = sse.SseDecoder(4096)
    with contextlib.suppress(sse.SseError):
        for piece in damage.pieces(data):
            decoder.feed(piece)
        decoder.close()


def event_stream_frames(damage: Damage, data: bytes) -> None:
    decoder = eventstream.EventStreamDecoder()
    with contextlib.suppress(eventstream.EventStreamError):
        for piece in damage.pieces(data):
            decoder.feed(piece)
        decoder.close()


def kiro_decoder() -> KiroDecoder:
    return KiroDecoder(
        names=NameMap({}),
        ids={},
        tools=("read_file",),
        tags=True,
        input_estimate=lambda: 9,
        window=1000,
        model="m",
        strict_end=True,
        stop=("STOP",),
    )


def kiro_stream(damage: Damage, data: bytes) -> None:
    fed(kiro_decoder(), damage, data)


KIRO_EVENTS = (
    "assistantResponseEvent",
    "toolUseEvent",
    "reasoningContentEvent",
    "meteringEvent",
    "messageMetadataEvent",
    "metadataEvent",
    "contextUsageEvent",
    "citationEvent",
    "invalidStateEvent",
    "codeEvent",
    "odd",
    "",
)
KIRO_PAYLOADS = (
    b'{"content":"I will <thinking>look</thinking>"}',
    b'{"toolUseId":"t1","name":"read_file","input":"{\\"path\\":"}',
    b'{"toolUseId":"t1","name":"read_file","stop":true}',
    b'{"text":"think","signature":"c2ln"}',
    b'{"redactedContent":"AA=="}',
    b'{"unit":"credit","usage":0.5}',
    b'{"contextUsagePercentage":12.5}',
    b'{"tokenUsage":{"outputTokens":3,"totalTokens":9}}',
    b'{"message":"no","reason":"CONTENT_LENGTH_EXCEEDS_THRESHOLD"}',
    b'{"stopReason":"MAX_TOKENS"}',
    b"{}",
)


def kiro_payloads(damage: Damage, data: bytes) -> None:
    """Frames whose checksums are right and whose payloads are not."""
    headers = {":message-type": "event", ":event-type": damage.chance.choice(KIRO_EVENTS)}
    if damage.chance.random() < 0.1:
        headers = {
            ":message-type": "exception",
            ":exception-type": damage.chance.choice(("ThrottlingException", "odd")),
        }
    frames = [eventstream.encode(headers, data)]
    frames += [eventstream.encode({":message-type": "event", ":event-type": damage.chance.choice(KIRO_EVENTS)},
                                  damage.chance.choice(KIRO_PAYLOADS)) for _ in range(3)]  # fmt: skip
    damage.chance.shuffle(frames)
    fed(kiro_decoder(), damage, b"".join(frames))


def kiro_answers(damage: Damage, data: bytes) -> None:
    errors.classify(damage.chance.choice((400, 402, 403, 404, 429, 500)), {"x-amzn-errortype": "odd"}, data)
    for read in (models.parse_models, account.parse_profiles, account.parse_usage_limits):
        with contextlib.suppress(GatewayError):
            read(data)


def request_of(dialect: Dialect) -> Target:
    """A request is read or refused as the client's mistake; so it is where it would be passed on."""

    def target(damage: Damage, data: bytes) -> None:
        facts = {":model": "gemini-3-pro", ":stream": "sse"} if dialect.name == "gemini" else {}
        for read in (
            lambda: dialect.decode_request(data, facts),
            lambda: through.passed(dialect, data, facts, REWRITE),
        ):
            try:
                read()
            except GatewayError as error:
                assert error.blame == "client", error  # noqa: PT017

    return target


def answer_of(dialect: Dialect) -> Target:
    def target(damage: Damage, data: bytes) -> None:
        fed(dialect.decoder(), damage, data)
        EventValidator().feed(dialect.decode_response(data))
        dialect.decode_error(damage.chance.choice((400, 401, 429, 500)), {"content-type": "application/json"}, data)

    return target


def passing_of(dialect: Dialect) -> Target:
    def target(damage: Damage, data: bytes) -> None:
        fed(PassingDecoder(dialect.passing.reader(REWRITE, False), dialect.decoder()), damage, data)
        dialect.passing.whole(data, REWRITE)

    return target


def request_heads(damage: Damage, data: bytes) -> None:
    intake = Intake(Limits(head_bytes=2000))
    with contextlib.suppress(Refused):
        for piece in damage.pieces(data):
            if not piece:
                continue
            head = intake.head(piece)
            if head is not None and not intake.complete:
                intake.body()
                return


def login_file(damage: Damage, data: bytes) -> None:
    with contextlib.suppress(ValueError):  # what the sources take for a broken file
        fields.read_credential(fields.members(data))


def file_of(name: str, read: Callable[[Path], object], *refusals: type[Exception]) -> Target:
    path = Path(tempfile.mkdtemp()) / f"{name}.json"

    def target(damage: Damage, data: bytes) -> None:
        path.write_bytes(data)
        try:
            read(path)
        except refusals:
            return

    return target


SETTINGS = [
    b'{"REQUIRED_API_KEY": ["aaaaaaaaaaaaaaaaaaaa"], "SERVER_PORT": 3000, "MODEL_ALIASES": {"a": "b"}, "WORKERS": 2}',
    b'{"modelFallbackMapping": {"m": {"targetProviderType": "p", "targetModel": "t"}}, "CRON_REFRESH_TOKEN": true}',
    b'{\n "OPENAI_BASE_URL": "http://localhost:1/v1",\n "SYSTEM_PROMPT_REPLACEMENTS": [{"old": "a", "new": "b"}]\n}\n',
]
POOLS = [
    b'{"claude-custom": [{"CLAUDE_API_KEY": "kkkkkkkk", "uuid": "u", "weight": 2, "supportedModels": ["a*"]}]}',
    b'{"openai-custom": {"accounts": [{"OPENAI_API_KEY": "k", "PROXY_URL": "socks5://h:1"}], "strategy": "x"}}',
]
LOGINS = [
    b'{"accessToken":"a","refreshToken":"r","expiresAt":"2026-10-01T00:00:00Z","authMethod":"idc","clientIdHash":"h"}',
    b'{"access_token":"a","refresh_token":"r","expires_at":1790000000,"profileArn":"arn:aws:codewhisperer:us-east-1:1:p/X"}',
]
ERRORS = [b'{"error":{"message":"no","type":"x","code":429}}', b'{"message":"no","reason":"X"}', b"<html>no</html>"]
LISTS = [
    b'{"models":[{"modelId":"m","modelName":"M","tokenLimits":{"maxInputTokens":9}}]}',
    b'{"profiles":[{"arn":"arn:x"}]}',
    b'{"usageBreakdownList":[{"currentUsage":1,"usageLimit":2,"unit":"x"}],"nextDateReset":1.5}',
]

TARGETS: dict[str, tuple[Target, Sequence[bytes]]] = {
    "json": (json_door, [body for bodies in REQUESTS.values() for body in bodies]),
    "sse": (sse_frames, list(STREAMS.values())),
    "event stream": (event_stream_frames, KIRO_STREAMS),
    "kiro's frames": (kiro_stream, KIRO_STREAMS),
    "kiro's payloads": (kiro_payloads, KIRO_PAYLOADS),
    "kiro's answers": (kiro_answers, [*ERRORS, *LISTS]),
    "request heads": (request_heads, [*SEEDS, *GAMES]),
    "settings file": (file_of("settings", lambda path: load(path, {}, {}), SettingsError), SETTINGS),
    "pool file": (file_of("pools", read_pools, SettingsError), POOLS),
    "login file": (login_file, LOGINS),
    **{f"request of {name}": (request_of(DIALECTS[name]), bodies) for name, bodies in REQUESTS.items()},
    **{f"answer of {name}": (answer_of(DIALECTS[name]), [STREAMS[name], WHOLES[name], *ERRORS]) for name in STREAMS},
    **{f"passing of {name}": (passing_of(DIALECTS[name]), [STREAMS[name], WHOLES[name], *ERRORS]) for name in STREAMS},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_s15_fuzz(name: str) -> None:
    """S15: 10^4 executions: only typed faults; none over a second; memory within ten times the input and a MiB."""
    target, seeds = TARGETS[name]
    assert run(target, Damage(seeds), EXECUTIONS) == EXECUTIONS >= 10_000
