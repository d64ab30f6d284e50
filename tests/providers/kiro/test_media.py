"""Pictures: what is taken, what is converted, what is refused."""

import base64
from typing import Any

import pytest

from aiclient2api.canonical.errors import GatewayError
from aiclient2api.canonical.model import Model
from aiclient2api.canonical.request import Base64, FileId, Image, Text, ToolResult, Turn
from tests.providers.kiro.build import assistant, body, call, check_history, current, made, messages, roles, user
from tests.providers.kiro.files import encoded, image, noise, picture


def images(parsed: dict[str, Any]) -> list[str]:
    return [each["format"] for each in current(parsed).get("images", ())]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_the_bytes_tell_the_format(kind: str) -> None:
    data = picture(kind)
    parsed = body(user("see", image(data, "image/wrong")))
    assert current(parsed)["images"] == [{"format": kind.lower(), "source": {"bytes": encoded(data)}}]
    assert current(parsed)["content"] == "see"


@pytest.mark.parametrize("kind", ["BMP", "TIFF"])
def test_other_formats_become_png(kind: str) -> None:
    """C4"""
    (block,) = current(body(user("see", image(picture(kind)))))["images"]
    assert block["format"] == "png"
    assert base64.b64decode(block["source"]["bytes"]).startswith(b"\x89PNG")


def test_a_picture_alone_needs_no_filler() -> None:
    assert current(body(user(image(picture()))))["content"] == ""


def test_url_safe_base64_is_put_right() -> None:
    data = b"\xff\xd8\xff" + picture("JPEG")[3:]
    text = base64.urlsafe_b64encode(data).decode().rstrip("=")
    parsed = body(user("see", Image(Base64("image/jpeg", text))))
    assert current(parsed)["images"][0]["source"]["bytes"] == encoded(data)


REFUSED = {
    "too many bytes": (image(noise((1400, 1400))), "3932160"),
    "too wide": (image(picture(size=(8001, 1))), "8001 x 1"),
    "too wide to convert": (image(picture("BMP", (8001, 1))), "8001 x 1"),
    "no picture": (image(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"), "cannot be read"),
    "cut": (image(picture()[:12]), "cannot be read"),
    "cut and to be converted": (image(picture("BMP", (40, 40))[:100]), "cannot be read"),
    "not base64": (Image(Base64("image/png", "!!!")), "not valid base64"),
    "empty": (Image(Base64("image/png", "")), "is empty"),
    "a file id": (Image(FileId("file_1")), "file id"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name: str) -> None:
    block, words = REFUSED[name]
    with pytest.raises(GatewayError) as caught:
        made(user("a"), assistant("b"), user(block))
    assert (caught.value.kind, caught.value.param) == ("bad_request", "messages[2]")
    assert words in caught.value.message


def test_a_model_without_eyes() -> None:
    with pytest.raises(GatewayError, match="takes no images"):
        made(user(image(picture())), model=Model(id="glm-5", images=False))


def test_eleven_pictures_in_a_turn_are_refused() -> None:
    with pytest.raises(GatewayError, match="11 images"):
        made(user(*[image(picture())] * 11))
    assert images(body(user(*[image(picture())] * 10))) == ["png"] * 10


def test_turns_are_not_merged_beyond_ten_pictures() -> None:
    parsed = body(user(*[image(picture())] * 6), user("and", *[image(picture())] * 6), user("and"))
    assert roles(parsed) == "uau"
    assert [len(each.get("images", ())) for each in messages(parsed)] == [6, 0, 6]
    assert current(parsed)["content"] == "and\n\nand"


def test_pictures_of_the_history_stay() -> None:
    parsed = body(user(image(picture())), assistant("red"), user("sure?"))
    assert len(messages(parsed)[0]["images"]) == 1


def test_pictures_in_results_stand_in_the_message_in_order() -> None:
    """C5"""
    red, blue, green = (picture(color=color) for color in ("red", "blue", "green"))
    answers = (ToolResult("2", (image(blue),)), ToolResult("1", (Text("one"), image(red))))
    turns = (user("a"), assistant(call("1"), call("2")), Turn("user", (*answers, image(green))))
    parsed = body(*turns)
    check_history(parsed)
    assert [each["source"]["bytes"] for each in current(parsed)["images"]] == [
        encoded(each) for each in (red, blue, green)
    ]
    first, second = current(parsed)["userInputMessageContext"]["toolResults"]
    assert first["content"] == [{"text": "one"}, {"text": "[an image, attached to this message]"}]
    assert second["content"] == [{"text": "[an image, attached to this message]"}]


def test_detail_is_named_as_dropped() -> None:
    source = Base64("image/png", encoded(picture()))
    assert made(user(Image(source, detail="high")), dialect="openai_chat").dropped == ("detail",)
    assert made(user(Image(source, detail="auto")), dialect="openai_chat").dropped == ()
