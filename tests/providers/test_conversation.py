"""The name of a conversation is worked out only for a service that is sent one: it costs a hash of a long text."""

import pytest
from tools.bench import codecs

from aiclient2api.providers.base import Ask, Grant

NAME = "11111111-2222-4333-8444-555555555555"


@pytest.mark.parametrize("back", codecs.PROVIDERS)
def test_who_asks_for_it(back: str) -> None:
    asked: list[str] = []

    def conversation() -> str:
        asked.append(NAME)
        return NAME

    provider, _ = codecs.PROVIDERS[back]
    ask = Ask(
        request=codecs.conversation(1000), model=codecs.model_of(back), seed=codecs.SEED, conversation=conversation
    )
    sent = provider.prepare(ask, Grant("key")).call
    assert (len(asked), sent.body.count(NAME.encode())) == ((1, 1) if back == "kiro" else (0, 0))
