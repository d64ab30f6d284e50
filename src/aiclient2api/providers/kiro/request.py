"""A canonical request as the body of GenerateAssistantResponse.

Enters: an Ask and the account's profile. Leaves: Built, the body's bytes and what reading the answer needs. The same
Ask gives the same bytes. Cache marks are not sent: the service caches Claude's prefixes by itself, and its limits on
marks differ by model. Refuses: n > 1, and whatever history, tools, media and documents refuse.
"""

import re
from collections.abc import Mapping

import msgspec

from aiclient2api.canonical.errors import GatewayError, bad_request
from aiclient2api.canonical.request import Request, ToolResult
from aiclient2api.providers.base import Ask
from aiclient2api.providers.kiro import members, thinking
from aiclient2api.providers.kiro.body import Body, ConversationState
from aiclient2api.providers.kiro.endpoints import derived_uuid
from aiclient2api.providers.kiro.history import Builder
from aiclient2api.providers.kiro.pairing import drafts
from aiclient2api.providers.kiro.system import system_text
from aiclient2api.providers.kiro.tools import Toolbox, toolbox

_MODEL_ID = re.compile(r"[a-zA-Z0-9_:.-]{1,1024}")


class Built(msgspec.Struct, frozen=True):
    """`ids` are wire ids of tool calls to the client's, where they differ; `tags`: reasoning comes as <thinking> in
    the text; `dropped` in the client's own words."""

    body: bytes
    dropped: tuple[str, ...]
    tools: Toolbox
    ids: Mapping[str, str]
    tags: bool


def build(ask: Ask, profile: str) -> Built:
    """Raises GatewayError: bad_request naming the member, model_not_found for a name that cannot stand on the wire."""
    request, model = ask.request, ask.model
    _check(request, model.id)
    messages = drafts(request.turns)
    slots = [slot for draft in messages for slot in draft.slots]
    tools = toolbox(request, (slot.call for slot in slots), "simple_schema" in ask.remedies)
    plan = thinking.plan(request, model, ask.remedies)
    builder = Builder(request, model, tools.names, "strip_thinking" not in ask.remedies)
    history = builder.build(messages, system_text(request, plan.tags, tools.instructions), tools.entries)
    conversation = ask.conversation()
    state = ConversationState(
        chat_trigger_type="MANUAL",
        conversation_id=conversation,
        agent_continuation_id=derived_uuid(conversation, f"turn {_user_turns(request)}"),
        agent_task_type="vibe",
        current_message=history.current,
        history=history.earlier,
    )
    user = ("user",) if request.user is not None else ()
    hub_names = (*members.given_sampling(request.sampling), *plan.dropped, *user)
    return Built(
        body=msgspec.json.encode(Body(state, profile or None, plan.fields or None)),
        dropped=members.drop_list(
            [
                *(members.member(request.dialect, name) for name in hub_names),
                *tools.dropped,
                *history.dropped,
                *request.extra,
            ]
        ),
        tools=tools,
        ids={slot.wire_id: slot.call.id for slot in slots if slot.wire_id != slot.call.id},
        tags=bool(plan.tags),
    )


def _user_turns(request: Request) -> int:
    """How often the user has spoken: results of tools go on with the same turn, and so does its continuation id."""
    return sum(
        turn.role == "user" and any(not isinstance(block, ToolResult) for block in turn.blocks)
        for turn in request.turns
    )


def _check(request: Request, model_id: str) -> None:
    if (request.sampling.n or 1) > 1:
        where = members.member(request.dialect, "n")
        raise bad_request(f"Kiro gives one answer to a request; {where} must be 1.", where)
    if _MODEL_ID.fullmatch(model_id) is None:
        raise GatewayError("model_not_found", f"{model_id[:80]!r} cannot be the name of a Kiro model.", param="model")
