"""What the user's words ask for: commands, addresses, places, names and facts told earlier. Pure."""

import re
from collections.abc import Iterator

from aiclient2api.simulator import words
from aiclient2api.simulator.scene import Outcome, Scene, Turn

_OPENING = re.compile(r"<([A-Za-z][\w-]*)(?:\s[^<>]*)?>")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_RUN = re.compile(r"\b(?:run|execute|exec|invoke)\b|执行|运行", re.IGNORECASE)
_TICKED = re.compile(r"`([^`\n]+)`")
_URL = re.compile(r"https?://[^\s`\"'<>)\]，。）]+")
MAX_READ = 20_000
"""Characters of a message that are searched, from its end; agents put their own notes in front of the prompt."""


def question(scene: Scene) -> str:
    """The user's newest words, without the notes in tags that agents put around them."""
    text = scene.last.text
    return without_frames(text).strip()[-MAX_READ:] or text.strip()[-MAX_READ:]


def without_frames(text: str) -> str:
    """The text without its <name>...</name> parts; an unclosed tag is left as it stands."""
    out: list[str] = []
    unclosed: set[str] = set()
    at = kept = 0
    while (opening := _OPENING.search(text, at)) is not None:
        closing = f"</{opening[1]}>"
        end = -1 if opening[1] in unclosed else text.find(closing, opening.end())
        if end < 0:
            unclosed.add(opening[1])
            at = opening.end()
            continue
        out.append(text[kept : opening.start()])
        at = kept = end + len(closing)
    return "".join(out) + text[kept:]


def is_chinese(text: str) -> bool:
    return _HAN.search(text) is not None


def commands(text: str) -> list[str]:
    """Commands in backticks on the last line that speaks of running something."""
    for line in reversed(text.splitlines()):
        if _RUN.search(line) and (found := _TICKED.findall(line)):
            return [each.strip() for each in found if each.strip()]
    return []


_ECHO = re.compile(
    r"(?:echo|printf) +(?P<quote>['\"]?)(?P<content>[^'\"<>|;&`$\n]*)(?P=quote) *>{1,2} *(?P<file>[\w./-]+)"
)
MAX_ECHO = 500


def written(command: str) -> tuple[str, str] | None:
    """(name, content) of the file that a plain `echo text > file` writes; None for any other command."""
    found = _ECHO.fullmatch(command.strip()) if len(command) <= MAX_ECHO else None
    return None if found is None else (found["file"], found["content"].strip().removesuffix("\\n"))


_FILE_ASKED = re.compile(
    r"\b(?:create|write|make|save)\b[^.\n]{0,60}?\bfile\b[^.\n]{0,20}?[`'\"]?(?P<file>[\w/-]+\.\w{1,8})[`'\"]?,?"
    r" (?:with|containing|that contains)\b[^`'\"\n]{0,40}?"
    r"(?:[`'\"](?P<quoted>[^`'\"\n]+)[`'\"]|\b(?P<word>[\w-]+)\W{0,3}$)",
    re.IGNORECASE | re.MULTILINE,
)


def file_asked(text: str) -> tuple[str, str] | None:
    """(name, content) of the file that the text asks for in words; content without quotes is one word."""
    found = _FILE_ASKED.search(text)
    return None if found is None else (found["file"], found["quoted"] or found["word"])


_OBSERVED = re.compile(r"\s*Observation:\s*(.*)", re.DOTALL)


def outcomes(scene: Scene) -> tuple[Outcome, ...]:
    """What tools gave back in the newest turn; some agents hand it over as the user's text."""
    if scene.last.outcomes or not scene.tools:
        return scene.last.outcomes
    found = _OBSERVED.match(scene.last.text)
    return () if found is None else (Outcome("", found[1]),)


_ENDING = re.compile(
    r"\b(?:submit|finish|end|complete)\b[^`\n]{0,120}\bcommand\b[^`\n]{0,20}`(echo [^`\n]{1,200})`", re.IGNORECASE
)


def ending(scene: Scene) -> str:
    """The command by which the agent is told that the task is done, where its prompt names one; ""."""
    texts = (scene.system, *(turn.text for turn in scene.turns if turn.role == "user"))
    return next((found[1] for text in texts if (found := _ENDING.search(text[:MAX_READ])) is not None), "")


def urls(text: str) -> list[str]:
    return [found.rstrip(".,;:!?") for found in _URL.findall(text)]


_KNOWN_CITY = re.compile(rf"\b(?:{'|'.join(words.CITIES)})\b|{'|'.join(words.CHINESE_CITIES)}", re.IGNORECASE)
_PLACE = re.compile(r"\b(?:in|for|of|at|near)\s+([A-Z][\w'-]*(?:\s+[A-Z][\w'-]*)*)")
_CHINESE_PLACE = re.compile(r"([\u4e00-\u9fff]{2,4}?)(?:市)?(?:今天|明天|现在|的天气|天气)")


def places(text: str) -> list[str]:
    """Cities the text names, in its order: known ones, else what stands where a place would stand."""
    found = _KNOWN_CITY.findall(text) or _PLACE.findall(text) or _CHINESE_PLACE.findall(text)
    return list(dict.fromkeys(found))


_NAMES = (
    re.compile(
        r"我(?:的名字)?(?:叫做|叫作|叫|名字是)\s*(?!什么|啥)"
        r"([\u4e00-\u9fff·]{1,8}?|[A-Za-z][\w'-]*(?: [A-Z][\w'-]*)*)(?=$|[\s，,。.！!？?；;、]|请|今年|来自)",
        re.MULTILINE,
    ),
    re.compile(
        r"(?i:\bmy name is|\bmy name's|\bi am called|\bi'm called|\bcall me)\s+(?!(?i:what)\b)"
        r"([^\W\d_][\w'-]*(?: [A-Z][\w'-]*)*)"
    ),
)
_ASKS_NAME = re.compile(
    r"我(?:叫|的名字(?:是|叫))(?:什么|啥)|我是谁|what(?:'s| is| was) my name|who am i\b"
    r"|(?:remember|know|tell me) my name",
    re.IGNORECASE,
)


def told_name(scene: Scene) -> str:
    """The name the user gave last; "" if none."""
    return next((name for turn in _told(scene) for name in reversed(_names(turn.text))), "")


def introduces(text: str) -> str:
    """The name that this text gives; ""."""
    found = _names(text)
    return found[-1] if found else ""


def asks_name(text: str) -> bool:
    return _ASKS_NAME.search(text) is not None


def _names(text: str) -> list[str]:
    return [name for pattern in _NAMES for name in pattern.findall(without_frames(text)[-MAX_READ:])]


def _told(scene: Scene) -> Iterator[Turn]:
    return (turn for turn in reversed(scene.turns) if turn.role == "user")


_FACT = re.compile(
    r"(?i:\bmy)\s+([a-z]+(?: [a-z]+){0,3}?)\s+(?:is|are)\s+([^.,!?;\n]+)"
    r"|我的([\u4e00-\u9fff]{1,8}?)是([^，。！？；\n]+)"
)
_ASKS_FACT = re.compile(
    r"(?i:what|which|who|when|where)\b.*?\b(?i:my)\s+([a-z]+(?: [a-z]+){0,3})"
    r"|我的([\u4e00-\u9fff]{1,8}?)(?:是|在)?(?:什么|哪|谁|多少|几)"
)


def recalled(scene: Scene) -> tuple[str, str] | None:
    """(thing, value) if the question asks for something of the user's that an earlier turn has told."""
    asked = _ASKS_FACT.search(question(scene))
    if asked is None:
        return None
    wanted = (asked[1] or asked[2]).lower().strip()
    for turn in _told(scene):
        if turn is scene.last:
            continue
        for found in _FACT.finditer(turn.text[-MAX_READ:]):
            thing, value = (found[1] or found[3]).lower(), (found[2] or found[4]).strip()
            if thing in wanted or wanted in thing:
                return thing, value
    return None
