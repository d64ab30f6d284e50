"""Where an object ends, and whether it was cut."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiclient2api.providers.kiro.json_end import JsonEnd
from tests.strategies import json_values


@given(st.dictionaries(st.text('ab"\\{}[]', max_size=4), json_values, max_size=4), st.text(max_size=5))
def test_the_end_is_found_at_any_cut(value: object, rest: str) -> None:
    text = json.dumps(value)
    assert JsonEnd().find(text + rest) == len(text)
    ends, found = JsonEnd(), []
    for index, char in enumerate(text):
        if ends.find(char) >= 0:
            found.append(index)
    assert found == [len(text) - 1]
    for place in range(1, len(text)):
        assert JsonEnd().cut(text[:place])
    assert not JsonEnd().cut(text)


@pytest.mark.parametrize(
    ("text", "cut"),
    [("", False), ("{", True), ('{"a', True), ('{"a\\', True), ("{'a': 1}", False), ("nonsense", False), ('"a', True)],
)
def test_cut(text: str, cut: bool) -> None:
    assert JsonEnd().cut(text) == cut
