"""What the simulator answers: nothing is thought, but everything said follows from the conversation.

Enters: a Scene. Leaves: a Reply. The same Scene gives the same Reply. Texts begin with "[simulated]" so that nobody
takes them for a model's; they keep the language of the question (Chinese or English).
"""

import re
from collections.abc import Callable

import msgspec

from aiclient2api.simulator import asking, seeing, tool_use
from aiclient2api.simulator.arguments import instance
from aiclient2api.simulator.scene import Outcome, Paper, Picture, Reply, Scene, ToolCall, as_dict

MARK = "[simulated]"
MAX_QUOTE = 400
"""Characters quoted of what somebody said."""


def answer(scene: Scene) -> Reply:
    """The reply to a conversation."""
    reply = Reply(calls=_calls(scene))
    if not reply.calls:
        reply = Reply(text=_form(scene) if scene.form is not None else f"{MARK} {_prose(scene)}")
    if scene.thinking:
        reply = msgspec.structs.replace(reply, thinking=_thoughts(scene, reply))
    return msgspec.structs.replace(reply, stop="tools" if reply.calls else "end")


def _calls(scene: Scene) -> tuple[ToolCall, ...]:
    if not scene.tools or scene.choice == "none":
        return ()
    if asking.outcomes(scene) and (last := tool_use.finishing(scene, f"{MARK} {_after_tools(scene)}")):
        return last
    if scene.choice == "any":
        return tool_use.demanded(scene)
    return () if asking.outcomes(scene) else tool_use.wanted(scene)


def _form(scene: Scene) -> str:
    """A JSON text that fits the schema asked for; an open object says something all the same."""
    schema = scene.form or {}
    if not as_dict(schema.get("properties")) and schema.get("type") in (None, "object"):
        value: object = {"simulated": True, "answer": _prose(scene)}
    else:
        value = instance(schema, tool_use.hints_of(asking.question(scene)))
    return msgspec.json.encode(value).decode()


def _prose(scene: Scene) -> str:
    """The first teller who has something to say; the last one always has."""
    return next(text for teller in _TELLERS if (text := teller(scene)))


def _after_tools(scene: Scene) -> str:
    outcomes = asking.outcomes(scene)
    if not outcomes:
        return ""
    names = {call: name for turn in scene.turns for call, name in turn.called.items()}
    chinese = asking.is_chinese(_asked_before_tools(scene))
    said = [_outcome(outcome, names.get(outcome.call_id, ""), chinese) for outcome in outcomes]
    return ("完成。" if chinese else "Done. ") + ("" if chinese else " ").join(said)


def _asked_before_tools(scene: Scene) -> str:
    turns = [turn for turn in scene.turns if turn.role == "user" and not turn.outcomes and turn.text.strip()]
    return asking.without_frames(turns[-1].text) if turns else ""


def _outcome(outcome: Outcome, name: str, chinese: bool) -> str:
    quoted = _short(" / ".join(seeing.first_lines(outcome.text)))
    if chinese:
        verb = "报告了错误" if outcome.failed else "返回了"
        return f"工具{' ' if name else ''}{name}{' ' if name else ''}{verb}：{quoted or '（无输出）'}。"
    verb = "failed and said" if outcome.failed else "returned"
    return f"The tool{' ' if name else ''}{name} {verb}: {quoted or '(no output)'}."


_LISTING = re.compile(r"entire content of the updated file|file listing", re.IGNORECASE)


def _whole_file(scene: Scene) -> str:
    """A file as editors without tools read it (aider's "whole" format): its name, then its content in a fence."""
    texts = [scene.system, *(turn.text for turn in scene.turns if turn.role == "user")]
    if scene.tools or not any(_LISTING.search(text) for text in texts):
        return ""
    for command in asking.commands(asking.question(scene)):
        if (file := asking.written(command)) is not None:
            return f"This is the file.\n\n{file[0]}\n```\n{file[1]}\n```\n\nDone."
    return ""


_TITLE = re.compile(
    r"\b(?:title generator|(?:generate|write|create|suggest|give)\b[^.\n]{0,60}\b(?:title|name)\b)"
    r"|生成[^。\n]{0,20}标题",
    re.IGNORECASE,
)


def _title(scene: Scene) -> str:
    """A title for requests by which clients name a conversation."""
    asked = not scene.tools and (_TITLE.search(scene.system) or _TITLE.search(asking.question(scene)))
    return "Conversation" if asked else ""


_ABOUT_PICTURE = re.compile(r"图|照片|颜色|picture|image|photo|colou?r|screenshot", re.IGNORECASE)


def _pictures(scene: Scene) -> str:
    pictures: tuple[Picture, ...] = scene.last.pictures
    if not pictures and _ABOUT_PICTURE.search(asking.question(scene)):
        pictures = next((turn.pictures for turn in reversed(scene.turns) if turn.pictures), ())
    chinese = asking.is_chinese(scene.last.text)
    return ("" if chinese else " ").join(_picture(picture, chinese) for picture in pictures)


def _picture(picture: Picture, chinese: bool) -> str:
    seen = seeing.look(picture.data)
    if seen is None:
        return "图片的字节无法解码。" if chinese else "The picture's bytes cannot be decoded."
    kind, size = seen.format.upper(), f"{seen.width}×{seen.height}"
    if chinese:
        colour = seeing.in_chinese(seen.colour)
        return f"这是一张 {kind} 图片，{size} 像素，主要颜色是{colour}（{seen.colour}）。"
    return f"The picture is a {kind} of {size} pixels; its main colour is {seen.colour or 'unknown'}."


_ABOUT_PAPER = re.compile(r"文件|文档|概括|document|file|pdf|page|summar", re.IGNORECASE)


def _papers(scene: Scene) -> str:
    papers = (*scene.last.papers, *seeing.framed_papers(scene.last.text))
    if not papers and _ABOUT_PAPER.search(asking.question(scene)):
        earlier = ((*turn.papers, *seeing.framed_papers(turn.text)) for turn in reversed(scene.turns))
        papers = next((found for found in earlier if found), ())
    chinese = asking.is_chinese(asking.question(scene))
    return ("" if chinese else " ").join(_paper(paper, chinese) for paper in papers)


def _paper(paper: Paper, chinese: bool) -> str:
    contents = seeing.read(paper)
    if contents is None:
        return "文件的字节无法读取。" if chinese else "The document's bytes cannot be read."
    words, lines = seeing.code_words(contents.text), seeing.first_lines(contents.text)
    quoted = _short(" / ".join(lines))
    if chinese:
        pages = f"共 {contents.pages} 页，" if contents.pages else ""
        return f"文件{pages}开头是：{quoted}。" + (f"其中的暗号（code words）：{'、'.join(words)}。" if words else "")
    pages = f" has {contents.pages} pages and" if contents.pages else ""
    return f"The document{pages} begins: {quoted}." + (f" Its code words: {', '.join(words)}." if words else "")


_POEM = re.compile(r"诗|\bpoem\b|\bverses?\b", re.IGNORECASE)
_CHINESE_POEM = "东风轻叩旧窗棂，\n细雨无声草自青。\n燕子归来寻故巷，\n一枝桃影入空庭。"
_ENGLISH_POEM = (
    "The ice lets go beneath the bridge,\nA green thread climbs along the ridge,\n"
    "The swallow finds its roof again,\nAnd April signs its name in rain."
)


def _poem(scene: Scene) -> str:
    text = asking.question(scene)
    if not _POEM.search(text):
        return ""
    return _CHINESE_POEM if asking.is_chinese(text) else _ENGLISH_POEM


def _name(scene: Scene) -> str:
    text = asking.question(scene)
    chinese = asking.is_chinese(text)
    name = asking.told_name(scene)
    if asking.asks_name(text):
        if not name:
            return "你还没有告诉我你的名字。" if chinese else "You have not told me your name."
        return f"你叫{name}。" if chinese else f"Your name is {name}."
    if new := asking.introduces(text):
        return f"你好，{new}。" if chinese else f"Hello, {new}."
    return ""


def _fact(scene: Scene) -> str:
    found = asking.recalled(scene)
    if found is None:
        return ""
    thing, value = found
    if asking.is_chinese(thing):
        return f"你说过，你的{thing}是{value}。"
    return f"You told me that your {thing} is {value}."


_WHO = re.compile(r"你是谁|你是什么|介绍一下你自己|\bwho are you\b|\bwhat are you\b|introduce yourself", re.IGNORECASE)


def _self(scene: Scene) -> str:
    text = asking.question(scene)
    if not _WHO.search(text):
        return ""
    if asking.is_chinese(text):
        return "我是 aiclient2api 内置的模拟器，背后没有模型。"
    return "I am the simulator built into aiclient2api; there is no model behind me."


def _echo(scene: Scene) -> str:
    text = asking.question(scene)
    quoted = _short(" ".join(text.split()))
    turns, tools, system = len(scene.turns), len(scene.tools), len(scene.system)
    if asking.is_chinese(text):
        return f"你说：“{quoted}”。对话共 {turns} 条消息，声明了 {tools} 个工具，系统提示 {system} 个字符。"
    return (
        f'You said: "{quoted}". This conversation has {_count(turns, "message")} and {_count(tools, "declared tool")};'
        f" its system prompt has {_count(system, 'character')}."
    )


_TELLERS: tuple[Callable[[Scene], str], ...] = (
    _after_tools,
    _whole_file,
    _title,
    _pictures,
    _papers,
    _poem,
    _name,
    _fact,
    _self,
    _echo,
)


def _thoughts(scene: Scene, reply: Reply) -> str:
    text, results = asking.question(scene), len(asking.outcomes(scene))
    if asking.is_chinese(text or _asked_before_tools(scene)):
        known = f"工具给出了 {results} 个结果" if results else f"问题有 {len(text)} 个字符"
        plan = f"调用工具 {reply.calls[0].name}" if reply.calls else "直接回答"
        return f"{MARK} {known}。我打算{plan}。"
    known = (
        f"{_count(results, 'result')} came back" if results else f"The question has {_count(len(text), 'character')}"
    )
    plan = f"call the tool {reply.calls[0].name}" if reply.calls else "answer at once"
    return f"{MARK} {known}. I am going to {plan}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _short(text: str) -> str:
    return text if len(text) <= MAX_QUOTE else text[: MAX_QUOTE - 1] + "…"
