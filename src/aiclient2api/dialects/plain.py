"""Content as nearly all clients write it, read in one go by its types.

A body is parsed once into these types, where reading it part by part (parts.py) parses it again at each level. What
is of any other shape, or wrong in any way, is not plain: it is read part by part, which knows all shapes and names the
member at fault. What both can read they read alike.

Enters: values of PlainContent. Leaves: canonical blocks. Refuses, with bad_request that names no member: what the types
allow and the parts do not (an empty id, a link that is none).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, cast

from aiclient2api.canonical.errors import bad_request
from aiclient2api.canonical.request import Block, Text, ToolCall, ToolResult
from aiclient2api.dialects import part_shapes as shapes
from aiclient2api.dialects.part_shapes import Place, arguments_text
from aiclient2api.dialects.reading import Marked


class _Text(shapes.TextPart, tag="text", tag_field="type", gc=False): ...


class _InputText(_Text, tag="input_text"): ...


class _OutputText(_Text, tag="output_text"): ...


class _Image(shapes.ImagePart, tag="image", tag_field="type", gc=False): ...


class _ImageUrl(shapes.ImageUrlPart, tag="image_url", tag_field="type", gc=False): ...


class _InputImage(_ImageUrl, tag="input_image"): ...


class _File(shapes.FilePart, tag="file", tag_field="type", gc=False): ...


class _InputFile(shapes.InputFilePart, tag="input_file", tag_field="type", gc=False): ...


class _Thinking(shapes.ThinkingPart, tag="thinking", tag_field="type", gc=False): ...


class _Redacted(_Thinking, tag="redacted_thinking"): ...


class _ToolUse(shapes.CallPart, tag="tool_use", tag_field="type", gc=False): ...


_Leaf = _Text | _InputText | _OutputText | _Image | _ImageUrl | _InputImage | _File | _InputFile


class _ToolResult(Marked, tag="tool_result", tag_field="type", gc=False, kw_only=True):
    tool_use_id: str
    content: str | list[_Leaf] | None = None
    is_error: bool | None = None


_Part = _Leaf | _Thinking | _Redacted | _ToolUse | _ToolResult

Parts = list[_Part]
PlainContent = str | Parts | None
"""The types of a message's `content`."""


def blocks(content: str | Sequence[_Part] | None, native: str, depth: int = 0) -> tuple[Block, ...]:
    """As parts.decode_content makes them. Raises GatewayError without a path."""
    if not content:
        return ()
    if isinstance(content, str):
        return (Text(content),)
    out: list[Block] = []
    for part in content:
        if type(part) is _Text and not part.citations:
            out.append(Text(part.text, part.cache_control or part.prompt_cache_breakpoint))
        else:
            out.append(_BLOCKS[type(part)](part, native, depth))
    return tuple(out)


def _call(part: _ToolUse, native: str, depth: int) -> ToolCall:
    if not (part.id and part.name):
        raise bad_request("A call without an id or a name.")
    arguments = arguments_text(part.input, "")
    return ToolCall(part.id, part.name, arguments, cache=part.cache_control or part.prompt_cache_breakpoint)


def _result(part: _ToolResult, native: str, depth: int) -> ToolResult:
    if not part.tool_use_id:
        raise bad_request("A result without the id of its call.")
    content = blocks(part.content, native, depth + 1)
    cache = part.cache_control or part.prompt_cache_breakpoint
    return ToolResult(part.tool_use_id, content, bool(part.is_error), None, cache)


S = TypeVar("S", bound=_Part)
_Maker = Callable[[_Part, str, int], Block]


def _made(maker: Callable[[S, str, int], Block], *parts: type[S]) -> Mapping[type, _Maker]:
    return dict.fromkeys(parts, cast(_Maker, maker))


def _leaf(maker: Callable[[S, Place], Block]) -> Callable[[S, str, int], Block]:
    """A less common part, made as the reader of single parts makes it."""
    return lambda part, native, depth: maker(part, Place(native, "", depth, part.cache))


_BLOCKS: Mapping[type, _Maker] = {
    **_made(_leaf(shapes.text), _Text, _InputText, _OutputText),
    **_made(_call, _ToolUse),
    **_made(_result, _ToolResult),
    **_made(_leaf(shapes.image), _Image),
    **_made(_leaf(shapes.image_url), _ImageUrl, _InputImage),
    **_made(_leaf(shapes.file), _File),
    **_made(_leaf(shapes.input_file), _InputFile),
    **_made(_leaf(shapes.thinking), _Thinking),
    **_made(_leaf(shapes.redacted), _Redacted),
}
