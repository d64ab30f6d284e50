"""Which of the declared tools the user's words call for, and with which arguments. Pure and deterministic.

Agents' shells are found by name, else by a member for a command; where there is none, what a command would write goes
to the tool that writes files; a page reader is found by its member for an address; any other tool by words that its
name or description shares with the question. Without such a sign nothing is called.
"""

import re
import shlex
from collections.abc import Sequence

import msgspec

from aiclient2api.simulator import asking, words
from aiclient2api.simulator.arguments import Hints, build, command_member, for_command, for_file
from aiclient2api.simulator.scene import Scene, ToolCall, ToolCard, as_dict

_SHELL = re.compile(
    r"(?:^|_)(?:bash|shell|terminal|cmd|powershell)(?:$|_)|shell_command|execute_command|run_command|exec_command"
    r"|run_in_terminal|runterminal|^exec$|^execute$",
    re.IGNORECASE,
)
_NOT_SHELL = re.compile(r"kill|output|status|read|list|wait|stdin|background|stop|search", re.IGNORECASE)
_FINISH = re.compile(r"^(?:attempt_completion|final_answer|complete_task|submit|finish|task_complete|task_done)$", re.I)
_WRITER = re.compile(r"write|create_?file|save|edit|patch", re.IGNORECASE)
_SAMPLE = ("name", "content")
_SCRIPTED = "exec_command("
"""In a description: the tool takes a program whose way to the shell is this function."""
MIN_SCORE = 2


def hints_of(text: str) -> Hints:
    """What a question offers for arguments."""
    return Hints(
        question=text,
        place=next(iter(asking.places(text)), ""),
        url=next(iter(asking.urls(text)), ""),
        command=next(iter(asking.commands(text)), ""),
        numbers=tuple(float(found) for found in re.findall(r"(?<![\w.])\d{1,9}(?:\.\d{1,6})?(?![\w.])", text)[:8]),
    )


def call_of(tool: ToolCard, arguments: dict[str, object]) -> ToolCall:
    """A call of this tool."""
    return ToolCall(tool.name, arguments, tool.free, tool.namespace)


def finisher(tools: Sequence[ToolCard]) -> ToolCard | None:
    """The tool by which some agents want the end said."""
    return next((tool for tool in tools if _FINISH.match(tool.name)), None)


def finishing(scene: Scene, said: str) -> tuple[ToolCall, ...]:
    """How this agent wants to hear that the work is done, where words alone would not tell it."""
    if (tool := finisher(scene.tools)) is not None:
        arguments = build(tool.schema, hints_of(said))
        return (call_of(tool, arguments | {name: said for name, value in arguments.items() if isinstance(value, str)}),)
    command, shell = asking.ending(scene), shell_of(scene.tools)
    if not command or shell is None or any(word in said for word in command.split()[1:]):
        return ()
    return (_run(shell, command, asking.question(scene)),)


def demanded(scene: Scene) -> tuple[ToolCall, ...]:
    """Calls for a request that insists on one."""
    text = asking.question(scene)
    named = [tool for tool in scene.tools if tool.name == scene.named]
    if named:
        return _narrowed(scene, _call_each(named[0], text))
    if found := wanted(scene):
        return found
    usable = [tool for tool in scene.tools if tool.schema] or list(scene.tools)
    return _call_each(usable[0], text)[:1] if usable else ()


def wanted(scene: Scene) -> tuple[ToolCall, ...]:
    """Calls that the question warrants; () if it warrants none."""
    text = asking.question(scene)
    for way in (_commands, _files, _pages):
        if calls := way(scene.tools, text):
            return _narrowed(scene, calls)
    if shell_of(scene.tools) is not None:
        return ()
    best = max(scene.tools, key=lambda tool: score(tool, text), default=None)
    if best is None or score(best, text) < MIN_SCORE:
        return ()
    return _narrowed(scene, _call_each(best, text))


def _commands(tools: Sequence[ToolCard], text: str) -> tuple[ToolCall, ...]:
    shell = shell_of(tools)
    return () if shell is None else tuple(_run(shell, command, text) for command in asking.commands(text))


def _files(tools: Sequence[ToolCard], text: str) -> tuple[ToolCall, ...]:
    """Files that the question wants written, by the tool for that or else by the shell."""
    files = [file for command in asking.commands(text) if (file := asking.written(command)) is not None]
    if not files and (asked := asking.file_asked(text)) is not None:
        files = [asked]
    writer = next((tool for tool in tools if _WRITER.search(tool.name) and _write(tool, *_SAMPLE)), None)
    if writer is not None:
        return tuple(call for name, content in files if (call := _write(writer, name, content)) is not None)
    shell = shell_of(tools)
    if shell is None:
        return ()
    return tuple(_run(shell, f"echo {shlex.quote(content)} > {shlex.quote(name)}", text) for name, content in files)


def _pages(tools: Sequence[ToolCard], text: str) -> tuple[ToolCall, ...]:
    reader = next((tool for tool in tools if _url_member(tool)), None)
    if reader is None:
        return ()
    return tuple(call_of(reader, build(reader.schema, _with_url(text, link))) for link in asking.urls(text))


def shell_of(tools: Sequence[ToolCard]) -> ToolCard | None:
    """The tool that runs shell commands."""
    for tool in tools:
        if _SHELL.search(tool.name) and not _NOT_SHELL.search(tool.name):
            return tool
    return next((tool for tool in tools if command_member(tool.schema) in ("command", "cmd")), None)


def _run(shell: ToolCard, command: str, text: str) -> ToolCall:
    members = as_dict(shell.schema.get("properties"))
    if set(members) == {"input"}:
        quoted = msgspec.json.encode(command).decode()
        scripted = f"text(await tools.exec_command({{cmd: {quoted}}}))"
        return call_of(shell, {"input": scripted if _SCRIPTED in shell.description else command})
    return call_of(shell, for_command(shell.schema, command, hints_of(text)))


def _write(tool: ToolCard, name: str, content: str) -> ToolCall | None:
    """None if the tool does not write whole files."""
    arguments = for_file(tool.schema, name, content, as_patch="patch" in tool.name.lower())
    return None if arguments is None else call_of(tool, arguments)


def _call_each(tool: ToolCard, text: str) -> tuple[ToolCall, ...]:
    """One call for each place the question names, or just one."""
    hints = hints_of(text)
    variants = [msgspec.structs.replace(hints, place=place) for place in asking.places(text)] or [hints]
    calls = [call_of(tool, build(tool.schema, each)) for each in variants]
    return tuple(call for at, call in enumerate(calls) if call not in calls[:at])


def _narrowed(scene: Scene, calls: tuple[ToolCall, ...]) -> tuple[ToolCall, ...]:
    return calls if scene.parallel else calls[:1]


def _url_member(tool: ToolCard) -> bool:
    return any(name in ("url", "urls", "uri") for name in as_dict(tool.schema.get("properties")))


def _with_url(text: str, link: str) -> Hints:
    return msgspec.structs.replace(hints_of(text), url=link)


_WORD = re.compile(r"[a-z]{3,}")


def score(tool: ToolCard, text: str) -> int:
    """What a tool and a question share: 2 for a word of the name, 1 for a word or pair of signs of the description."""
    asked = _words(text)
    name = _words(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", tool.name).replace("_", " ").replace("-", " "))
    about = _words(tool.description[:500])
    return 2 * len(asked & name) + len((asked & about) - name)


def _words(text: str) -> set[str]:
    latin = {word.removesuffix("s") for word in _WORD.findall(text.lower())}
    pairs = {text[at : at + 2] for at in range(len(text) - 1)}
    return (latin | {pair for pair in pairs if all(asking.is_chinese(sign) for sign in pair)}) - words.COMMON
