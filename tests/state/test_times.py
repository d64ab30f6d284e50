"""Points in time as people write them."""

import pytest

from aiclient2api.state.times import iso, moment, shown

NOW = 1_795_644_870.5


@pytest.mark.parametrize(
    ("text", "ahead", "back"),
    [
        ("30d", NOW + 30 * 86_400, NOW - 30 * 86_400),
        ("2w", NOW + 14 * 86_400, NOW - 14 * 86_400),
        ("12h", NOW + 43_200, NOW - 43_200),
        ("45m", NOW + 2700, NOW - 2700),
        (" 0s ", NOW, NOW),
        ("2026-11-25", 1_795_564_800, 1_795_564_800),
        ("2026-11-25T01:00", 1_795_568_400, 1_795_568_400),
        ("2026-11-25 01:00:00+01:00", 1_795_564_800, 1_795_564_800),
    ],
)
def test_moments(text: str, ahead: float, back: float) -> None:
    assert moment(text, NOW, 1) == ahead
    assert moment(text, NOW, -1) == back


@pytest.mark.parametrize(
    "text", ["", "never", "7", "7 days", "d", "-7d", "1.5h", "7y", "２d", "2026-13-01", "9999999d", "🙂"]
)
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="is no point in time"):
        moment(text, NOW, 1)


def test_shown() -> None:
    assert shown(NOW) == "2026-11-25 22:14"
    assert iso(NOW) == "2026-11-25T22:14:30.500Z"
