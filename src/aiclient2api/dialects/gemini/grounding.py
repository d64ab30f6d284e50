"""Sources of an answer: Gemini's groundingMetadata and citationMetadata to citations and back.

Gemini counts bytes of UTF-8 over the whole text, the hub code points within a block.
"""

import msgspec

from aiclient2api.canonical.events import Citation
from aiclient2api.dialects.gemini.offsets import Offsets
from aiclient2api.wire import jsonio


class _Web(msgspec.Struct):
    uri: str = ""
    title: str = ""


class _Chunk(msgspec.Struct, rename="camel"):
    web: _Web | None = None
    retrieved_context: _Web | None = None
    maps: _Web | None = None

    @property
    def source(self) -> _Web:
        return self.web or self.retrieved_context or self.maps or _Web()


class _Segment(msgspec.Struct, rename="camel", omit_defaults=True):
    start_index: int = 0
    end_index: int | None = None
    text: str = ""


class _Support(msgspec.Struct, rename="camel"):
    segment: _Segment | None = None
    grounding_chunk_indices: list[int] = []


class Grounding(msgspec.Struct, rename="camel"):
    """`groundingMetadata` of a candidate."""

    web_search_queries: list[str] | None = None
    grounding_chunks: list[_Chunk] | None = None
    grounding_supports: list[_Support] | None = None


class _Source(_Web, rename="camel"):
    start_index: int = 0
    end_index: int | None = None


class Sources(msgspec.Struct, rename="camel"):
    """`citationMetadata` of a candidate; the two APIs of Google name its list differently."""

    citation_sources: list[_Source] | None = None
    citations: list[_Source] | None = None


def citations(
    grounding: Grounding | None, sources: Sources | None, index: int, text: Offsets, before: int
) -> list[Citation]:
    """The sources of the text block `index`, whose places are `text`; `before` is how many bytes of text came
    earlier."""
    out: list[Citation] = []
    if grounding is not None:
        chunks = grounding.grounding_chunks or []
        supports = grounding.grounding_supports or [_Support(None, list(range(len(chunks))))]
        for support in supports:
            segment = support.segment or _Segment(before)
            start, end = _place(text, segment.start_index - before, segment.end_index, before)
            for number in support.grounding_chunk_indices:
                if 0 <= number < len(chunks):
                    source = chunks[number].source
                    out.append(Citation(index, source.uri, source.title, segment.text, start, end))
    if sources is not None:
        for found in sources.citation_sources or sources.citations or ():
            start, end = _place(text, found.start_index - before, found.end_index, before)
            out.append(Citation(index, found.uri, found.title, start=start, end=end))
    return out


def _place(text: Offsets, start: int, end: int | None, before: int) -> tuple[int, int | None]:
    """Byte offsets within the block as code points."""
    return text.point_of(start), None if end is None else text.point_of(end - before)


MAX_QUOTED = 32_768
"""Characters of a block that are kept to quote from. What is cited behind them, without its words, has only a place."""


class GroundingWriter:
    """Collects the citations of one answer; texts are told in the order in which they are shown."""

    def __init__(self) -> None:
        self._bytes = 0
        self._places = Offsets()
        self._block: list[str] = []
        self._kept = 0
        self._waiting: list[Citation] = []
        self._chunks: dict[tuple[str, str], int] = {}
        self._supports: list[_Support] = []

    def text(self, text: str) -> None:
        self._places.add(text)
        if self._kept < MAX_QUOTED:
            self._block.append(text[: MAX_QUOTED - self._kept])
            self._kept += len(text)

    def cite(self, citation: Citation) -> None:
        self._waiting.append(citation)

    def end_block(self) -> None:
        """A text block is whole: now the bytes before each place in it are known."""
        places = self._places
        block = "".join(self._block) if self._waiting else ""
        for each in self._waiting:
            number = self._chunks.setdefault((each.url, each.title), len(self._chunks))
            start = places.byte_of(each.start or 0)
            end = places.bytes if each.end is None else max(start, places.byte_of(each.end))
            segment = _Segment(
                self._bytes + start, self._bytes + end, each.cited_text or block[each.start or 0 : each.end]
            )
            self._supports.append(_Support(segment, [number]))
        self._bytes += places.bytes
        self._places, self._block, self._kept, self._waiting = Offsets(), [], 0, []

    def whole(self) -> bytes:
        """The JSON of groundingMetadata; empty if nothing was cited."""
        self.end_block()
        if not self._supports:
            return b""
        chunks = [{"web": {"uri": uri, "title": title}} for uri, title in self._chunks]
        return jsonio.encode({"groundingChunks": chunks, "groundingSupports": self._supports})
