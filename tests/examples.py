"""The guide's six examples, from their one place: beside the command `demo`."""

import json
from importlib import resources
from typing import Any


def example(name: str) -> dict[str, Any]:
    """The body of a request of the guide, shape for shape."""
    text = resources.files("aiclient2api.cli").joinpath("examples", f"{name}.json").read_text("utf-8")
    body: dict[str, Any] = json.loads(text)["body"]
    return body
