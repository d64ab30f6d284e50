"""What is known of a model: its names, its sizes, and what may be sent to it."""

from typing import Literal

import msgspec

ThinkingMode = Literal["enabled", "adaptive", "between_tools", "disabled", "tags", "effort"]


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One model of one provider.

    `id` is the name on the provider's wire, `name` what people call it. `thinking` says which ways of asking for
    reasoning it takes (empty: none), `efforts` the levels it knows. `request_fields` are the extra top-level members
    its live schema lists (Kiro). None for a size means unknown.
    """

    id: str
    name: str = ""
    max_input: int | None = None
    max_output: int | None = None
    images: bool = True
    documents: tuple[str, ...] = ()
    thinking: tuple[ThinkingMode, ...] = ()
    efforts: tuple[str, ...] = ()
    sampling: bool = True
    prefill: bool = False
    system_turns: bool = False
    request_fields: tuple[str, ...] = ()
    owned_by: str = ""
    created: int = 0
