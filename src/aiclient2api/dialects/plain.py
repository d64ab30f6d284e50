"""Content as nearly all clients write it, read in one go by its types.

A body is parsed once into these types, where reading it part by part (parts.py) parses it again at each level. What
is of any other shape, or wrong in any way, is not plain: it is read part by part, which knows all shapes and names the
member at fault. What both can read they read alike.

Enters: values of PlainContent. Leaves: canonical blocks. Refuses, with bad_request that names no member: what the types
allow and the parts do not (an empty id, a link that is none).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar, cast

from aiclient2api.canonical.request import Block, Text, ToolResult
from aiclient2api.dialects import part_shapes as shapes
from aiclient2api.dialects.part_shapes import Place


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


class _ToolResult(shapes.Marked, tag="tool_result", tag_field="type", gc=False, kw_only=True):
    tool_use_id: str
    content: str | list[_Leaf] | None = None
    is_error: bool | None = None


_Part = _Leaf | _Thinking | _Redacted | _ToolUse | _ToolResult

Parts = list[_Part]
PlainContent = str | Parts | None
"""The types of a message's `content`."""


def blocks(content: str | Sequence[_Part] | None, native: str, depth: int = 0) -> tuple[Block, ...]:
    """As parts.decode_content makes them. Raises GatewayError without a path."""
    if isinstance(content, str):
        return (Text(content),) if content else ()
    return tuple([_block(part, native, depth) for part in content]) if content else ()


def _block(part: _Part, native: str, depth: int) -> Block:
    if type(part) is _Text and part.citations is None:
        return Text(part.text, part.cache)
    return _BLOCKS[type(part)](part, Place(native, "", depth, part.cache))


def _result(part: _ToolResult, place: Place) -> ToolResult:
    call_id = shapes.needed(part.tool_use_id, place.path, "tool_use_id")
    content = blocks(part.content, place.native, place.depth + 1)
    return ToolResult(call_id, content, is_error=bool(part.is_error), cache=place.cache)


S = TypeVar("S")
_Maker = Callable[[_Part, Place], Block]


def _made(maker: Callable[[S, Place], Block], *types: type[S]) -> Mapping[type, _Maker]:
    return dict.fromkeys(types, cast(_Maker, maker))


_BLOCKS: Mapping[type, _Maker] = {
    **_made(shapes.text, _Text, _InputText, _OutputText),
    **_made(shapes.image, _Image),
    **_made(shapes.image_url, _ImageUrl, _InputImage),
    **_made(shapes.file, _File),
    **_made(shapes.input_file, _InputFile),
    **_made(shapes.thinking, _Thinking),
    **_made(shapes.redacted, _Redacted),
    **_made(shapes.tool_use, _ToolUse),
    **_made(_result, _ToolResult),
}
