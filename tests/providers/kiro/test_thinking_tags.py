"""Reasoning written in tags, at every cut."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiclient2api.providers.kiro.thinking_tags import ThinkingTags
from tests.providers.kiro.stream import metering, text, told, tool_use

THINK = "<thinking>"
DONE = "</thinking>"


def run(pieces: Iterable[str]) -> tuple[str, str]:
    """(reasoning, text); the text must follow the reasoning."""
    reader = ThinkingTags()
    out = [each for piece in pieces for each in reader.feed(piece)] + reader.close()
    assert [each.thinking for each in out] == sorted((each.thinking for each in out), reverse=True)
    assert all(each.text for each in out)
    return "".join(each.text for each in out if each.thinking), "".join(each.text for each in out if not each.thinking)


def at_any_cut(written: str) -> tuple[str, str]:
    found = run([written])
    assert run(written) == found
    for place in range(1, len(written)):
        assert run([written[:place], written[place:]]) == found, place
    return found


@pytest.mark.parametrize(
    ("written", "thinking", "shown"),
    [
        (f"{THINK}plan{DONE}\n\nDone.", "plan", "Done."),
        (f" \n\t{THINK}plan{DONE}Done.", "plan", "Done."),
        (f"{THINK}plan{DONE}\r\n\r\n  Done.\n\n", "plan", "  Done.\n\n"),
        (f"{THINK}\nplan\n{DONE}\n\n", "\nplan\n", ""),
        (f"{THINK}{DONE}Done.", "", "Done."),
        (f"{THINK}计划🙂{DONE}好", "计划🙂", "好"),
        (f"{THINK}a < b </thin > </thinking >{DONE}x", "a < b </thin > </thinking >", "x"),
        (f"{THINK}once{DONE}{THINK}twice{DONE}", "once", f"{THINK}twice{DONE}"),
        (f"{THINK}the tag `{DONE}` ends it{DONE}\n\nx", f"the tag `{DONE}` ends it", "x"),
        (f"{THINK}in `a {DONE} b` too{DONE}x", f"in `a {DONE} b` too", "x"),
        (f'{THINK}write "{DONE}" or “{DONE}”{DONE}x', f'write "{DONE}" or “{DONE}”', "x"),
        (f"{THINK}it's '{DONE}'{DONE}x", f"it's '{DONE}'", "x"),
        (f'{THINK}he said "yes"{DONE}\n\nx', 'he said "yes"', "x"),
        (f"{THINK}```\n{DONE}\n```\n{DONE}x", f"```\n{DONE}\n```\n", "x"),
        (f"{THINK}a lone ` mark{DONE}\n\nx", "a lone ` mark", "x"),
        (f"{THINK}a lone ` mark{DONE}", "a lone ` mark", ""),
        (f'{THINK}an open "{DONE}', 'an open "', ""),
        (f"{THINK}no end </thinking", "no end </thinking", ""),
        (f"{THINK}no end", "no end", ""),
        (f"Hello {THINK}x{DONE}", "", f"Hello {THINK}x{DONE}"),
        (f"`{THINK}` is a tag", "", f"`{THINK}` is a tag"),
        (f'"{THINK}"', "", f'"{THINK}"'),
        ("<thinking", "", "<thinking"),
        ("  <thinner>", "", "  <thinner>"),
        ("\n\n text", "", "\n\n text"),
        (" \n", "", " \n"),
        (" " * 1100 + "x", "", " " * 1100 + "x"),
        ("", "", ""),
    ],
)
def test_tags(written: str, thinking: str, shown: str) -> None:
    assert at_any_cut(written) == (thinking, shown)


def test_white_space_in_front_is_held_within_bounds() -> None:
    reader = ThinkingTags()
    assert reader.feed(" " * 1000) == []
    assert reader.holding
    assert [each.text for each in reader.feed(" " * 100)] == [" " * 1100]
    assert reader.done


def test_reasoning_streams_as_it_comes() -> None:
    reader = ThinkingTags()
    assert [each.text for each in reader.feed(f"{THINK}one <")] == ["one "]
    assert [each.text for each in reader.feed("b> two </")] == ["<b> two "]
    assert [each.text for each in reader.feed("thinking>\n")] == []
    assert [each.text for each in reader.feed("\nshown")] == ["shown"]
    assert reader.done


FRAGMENTS = (*(THINK, DONE, "</", "<", "`", "```", "\n", "\n\n", '"', "'", " ", "x", "你好🙂", "“", "”", "~~~"), "    ")


@settings(max_examples=300)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join), st.integers(0, 200))
def test_any_cut_gives_the_same(written: str, place: int) -> None:
    for each in (written, THINK + written):
        found = run([each])
        assert run(each) == run([each[:place], each[place:]]) == found
        if THINK not in each:
            assert found == ("", each)


# Within an answer


def test_blocks_of_reasoning_and_text() -> None:
    data = text(f"\n{THINK}pl", "an</thin", "king>", "\n\nDone.") + metering()
    answer = told(data, tags=True)
    assert [start.kind for start in answer.starts] == ["thinking", "text"]
    assert (answer.thinking, answer.text) == ("plan", "Done.")
    assert answer.usage.reasoning > 0
    untouched = told(data)
    assert untouched.text == f"\n{THINK}plan{DONE}\n\nDone."


def test_a_call_within_reasoning_is_none() -> None:
    data = text(f"{THINK}[Called look with args: {{}}]{DONE}[Called look with args: {{}}]") + metering()
    answer = told(data, tags=True, tools=("look",))
    assert answer.thinking == "[Called look with args: {}]"
    assert len(answer.calls) == 1


def test_text_behind_something_else_is_not_the_start() -> None:
    data = tool_use("1", "look", stop=True) + text(f"{THINK}x{DONE}") + metering()
    assert told(data, tags=True).text == f"{THINK}x{DONE}"
