"""What the simulator says and calls: the guide's six examples, agents' tool loops, limits (C2)."""

import base64
import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from aiclient2api.simulator import brain, limits, pieces
from aiclient2api.simulator.arguments import Hints, build
from aiclient2api.simulator.scene import FREE_FORM, Outcome, Paper, Picture, Reply, Scene, ToolCard, Turn
from tests.examples import example

GUIDE = Path(__file__).parent.parent / "data" / "guide"
PROMPT = "Run the shell command `echo hello > proof.txt` in the current directory, then say that you are done."
COMMAND = "echo hello > proof.txt"
WEATHER = ToolCard(
    "get_weather",
    "查询某个城市今天的天气",
    {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "城市"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        },
        "required": ["city"],
    },
)


def said(text: str, **more: Any) -> Scene:
    return Scene(turns=(Turn("user", text),), **more)


def answer_of(*turns: Turn, **more: Any) -> Reply:
    return brain.answer(Scene(turns=turns, **more))


def obj(**properties: Any) -> dict[str, object]:
    return {"type": "object", "properties": properties, "required": list(properties)}


STRING = {"type": "string"}


def test_example_1_says_who_it_is() -> None:
    text = brain.answer(said("用一句话说说你是谁")).text
    assert text.startswith("[simulated]")
    assert "模拟器" in text


def test_example_2_is_a_poem_of_four_lines() -> None:
    text = brain.answer(said("写四行关于春天的诗")).text
    assert len(text.splitlines()) == 4
    assert brain.answer(said("Write a poem about spring")).text.isascii()


@pytest.mark.parametrize(
    ("told", "asked", "name"),
    [
        ("我叫张三", "我叫什么名字？", "张三"),
        ("你好！我的名字叫李小龙，请记住。", "你还记得我叫什么吗", "李小龙"),
        ("Hi, my name is Ada Lovelace. Nice to meet you", "What is my name?", "Ada Lovelace"),
        ("I am called Zoë.", "who am I?", "Zoë"),
    ],
)
def test_example_3_remembers_the_name(told: str, asked: str, name: str) -> None:
    reply = answer_of(Turn("user", told), Turn("assistant", "ok"), Turn("user", asked))
    assert name in reply.text
    assert name in brain.answer(said(told)).text


def test_a_name_never_told_is_not_invented() -> None:
    assert "not told" in brain.answer(said("What is my name?")).text


def test_other_facts_are_remembered_too() -> None:
    turns = (Turn("user", "My favourite colour is teal."), Turn("assistant", "ok"))
    assert "teal" in answer_of(*turns, Turn("user", "What is my favourite colour?")).text


@pytest.mark.parametrize(
    ("question", "cities"),
    [
        ("北京今天天气如何？", ["北京"]),
        ("What is the weather in Paris?", ["Paris"]),
        ("Weather in Paris and Tokyo, please", ["Paris", "Tokyo"]),
        ("what's the weather in Smallville", ["Smallville"]),
    ],
)
def test_example_4a_calls_the_declared_tool(question: str, cities: list[str]) -> None:
    reply = brain.answer(said(question, tools=(WEATHER,)))
    assert [call.name for call in reply.calls] == ["get_weather"] * len(cities)
    assert [call.arguments["city"] for call in reply.calls] == cities
    assert reply.stop == "tools"
    assert not reply.text


def test_only_one_call_where_parallel_calls_are_off() -> None:
    assert len(brain.answer(said("Weather in Paris and Tokyo", tools=(WEATHER,), parallel=False)).calls) == 1


def test_example_4b_uses_the_result() -> None:
    reply = answer_of(
        Turn("user", "北京今天天气如何？"),
        Turn("assistant", called={"t1": "get_weather"}),
        Turn("user", outcomes=(Outcome("t1", "晴，25°C，湿度60%"),)),
        tools=(WEATHER,),
    )
    assert not reply.calls
    assert "25°C" in reply.text
    assert "get_weather" in reply.text


def test_example_5_names_format_size_and_colour() -> None:
    data = (GUIDE / "red-32x32.png").read_bytes()
    chinese = answer_of(Turn("user", "图里是什么颜色？", pictures=(Picture(data),))).text
    assert all(word in chinese for word in ("PNG", "32×32", "红色", "red"))
    later = answer_of(
        Turn("user", "look", pictures=(Picture(data),)), Turn("assistant", "a"), Turn("user", "Which colour is it?")
    )
    assert "red" in later.text


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n"])
def test_a_broken_picture_is_called_broken(data: bytes) -> None:
    assert "cannot be decoded" in answer_of(Turn("user", "What is this?", pictures=(Picture(data),))).text


def test_example_6_quotes_the_code_words() -> None:
    data = (GUIDE / "two-pages.pdf").read_bytes()
    native = answer_of(Turn("user", "请概括这份文件", papers=(Paper("a", "pdf", data),))).text
    assert all(word in native for word in ("HALYARD", "BINNACLE", "2 页"))
    pages = "--- page 1 ---\nQuarterly note\nCode word: HALYARD\n\n--- page 2 ---\nCode word: BINNACLE"
    framed = f"<document>\n{pages}\n</document>"
    text = answer_of(Turn("user", f"{framed}\n\nPlease summarise")).text
    assert all(word in text for word in ("HALYARD", "BINNACLE", "2 pages", "Quarterly note"))


def test_a_broken_document_is_called_broken() -> None:
    assert "cannot be read" in answer_of(Turn("user", "read", papers=(Paper("a", "pdf", b"%PDF-1.4 x"),))).text


def test_the_echo_states_the_conversations_facts() -> None:
    text = answer_of(Turn("user", "a"), Turn("assistant", "b"), Turn("user", "Hello there"), system="be kind").text
    assert "Hello there" in text
    assert "3 messages" in text
    assert "7 characters" in text


SHELLS = [
    pytest.param(
        ToolCard("Bash", "Run", obj(command=STRING, description=STRING)), {"command": COMMAND}, id="claude-code"
    ),
    pytest.param(ToolCard("exec_command", "Run", obj(cmd=STRING)), {"cmd": COMMAND}, id="codex"),
    pytest.param(
        ToolCard("shell", "Run", obj(command={"type": "array", "items": STRING}, timeout_ms={"type": "number"})),
        {"command": ["bash", "-lc", COMMAND]},
        id="codex-array",
    ),
    pytest.param(
        ToolCard("run_shell_command", "Run", obj(command=STRING, is_background={"type": "boolean"})),
        {"command": COMMAND, "is_background": False},
        id="gemini-qwen",
    ),
    pytest.param(ToolCard("functions__bash", "Run", obj(command=STRING)), {"command": COMMAND}, id="namespaced"),
    pytest.param(ToolCard("run_shell", "Run a shell command", obj(command=STRING)), {"command": COMMAND}, id="llm"),
    pytest.param(ToolCard("operate", "Runs things", obj(cmd=STRING)), {"cmd": COMMAND}, id="by-member"),
    pytest.param(
        ToolCard("execute_command", "Run", obj(command=STRING, requires_approval={"type": "boolean"})),
        {"command": COMMAND, "requires_approval": False},
        id="cline",
    ),
    pytest.param(
        ToolCard("exec", "Use tools.exec_command(...) in a program", obj(input=STRING)),
        {"input": f'text(await tools.exec_command({{cmd: "{COMMAND}"}}))'},
        id="codex-code-mode",
    ),
]
WRITERS = [
    pytest.param(
        ToolCard("write_file", "", obj(file_path=STRING, content=STRING)),
        {"file_path": "proof.txt", "content": "hello\n"},
        id="file_path-content",
    ),
    pytest.param(
        ToolCard("create_file", "", obj(path=STRING, file_text=STRING)),
        {"path": "proof.txt", "file_text": "hello\n"},
        id="path-file_text",
    ),
    pytest.param(
        ToolCard(
            "str_replace_based_edit_tool",
            "",
            obj(command={"type": "string", "enum": ["view", "create"]}, path=STRING, file_text=STRING),
        ),
        {"command": "create", "path": "proof.txt", "file_text": "hello\n"},
        id="several-commands",
    ),
    pytest.param(
        ToolCard("apply_patch", "", FREE_FORM, free=True),
        {"input": "*** Begin Patch\n*** Add File: proof.txt\n+hello\n*** End Patch\n"},
        id="patch-as-text",
    ),
    pytest.param(
        ToolCard("apply_patch", "", obj(patch=STRING)),
        {"patch": "*** Begin Patch\n*** Add File: proof.txt\n+hello\n*** End Patch\n"},
        id="patch-as-member",
    ),
]
OTHERS = (
    ToolCard("Read", "Reads a file", obj(file_path=STRING)),
    ToolCard("KillShell", "Kills a shell", obj(shell_id=STRING)),
    ToolCard("edit", "Edits", obj(command={"type": "string", "enum": ["view", "create"]}, path=STRING)),
)


@pytest.mark.parametrize(("shell", "expected"), SHELLS)
def test_the_shell_of_each_agent_is_called(shell: ToolCard, expected: dict[str, object]) -> None:
    prompt = f"<system-reminder>Never run `rm -rf /`.</system-reminder>\n{PROMPT}"
    reply = brain.answer(said(prompt, tools=(*OTHERS, shell)))
    assert [call.name for call in reply.calls] == [shell.name]
    arguments = reply.calls[0].arguments
    assert expected.items() <= arguments.items()
    jsonschema.validate(arguments, shell.schema)


@pytest.mark.parametrize(("writer", "expected"), WRITERS)
def test_without_a_shell_the_file_is_written(writer: ToolCard, expected: dict[str, object]) -> None:
    for prompt in (PROMPT, "Please create a file named proof.txt containing `hello`."):
        (call,) = brain.answer(said(prompt, tools=(OTHERS[0], writer))).calls
        assert (call.name, call.free) == (writer.name, writer.free)
        assert expected.items() <= call.arguments.items()
        jsonschema.validate(call.arguments, writer.schema)


def test_a_file_asked_for_in_words_is_written_by_the_shell_where_nothing_else_can() -> None:
    tools = (*OTHERS, ToolCard("bash", "", obj(command=STRING)))
    (call,) = brain.answer(said("Write a file a.txt with the content 'b c'.", tools=tools)).calls
    assert call.arguments == {"command": "echo 'b c' > a.txt"}


def test_a_tool_that_only_changes_files_writes_none() -> None:
    edit = ToolCard("edit", "", obj(path=STRING, old_string=STRING, new_string=STRING))
    assert not brain.answer(said(PROMPT, tools=(edit,))).calls


@pytest.mark.parametrize("languages", [["python", "shell"], ["javascript", "bash"], []])
def test_a_tool_that_runs_code_is_told_the_language(languages: list[str]) -> None:
    language: dict[str, object] = {"type": "string"} | ({"enum": languages} if languages else {})
    tool = ToolCard("execute", "Runs code", obj(language=language, code=STRING))
    (call,) = brain.answer(said(PROMPT, tools=(tool,))).calls
    assert call.arguments["code"] == COMMAND
    assert call.arguments["language"] in ("shell", "bash")


def test_a_tool_keeps_its_namespace() -> None:
    tool = ToolCard("bash", "", obj(command=STRING), namespace="box")
    assert brain.answer(said(PROMPT, tools=(tool,))).calls[0].namespace == "box"


ENDING = (
    "Please solve this issue: {task}\n\n## Workflow\n\n1. Analyse the code\n2. Verify your fix by running your script\n"
    "3. Submit your changes and finish your work by issuing the following command: `echo ALL_IS_DONE`.\n"
    "   Do not combine it with any other command.\n\nPrefix any action with `A=b cd /path && ...` if you like."
)


def test_an_agent_that_wants_the_end_said_by_a_command_gets_it_so() -> None:
    tools = (ToolCard("bash", "", obj(command=STRING)),)
    first = Turn("user", ENDING.format(task=PROMPT))
    assert answer_of(first, tools=tools).calls[0].arguments == {"command": COMMAND}
    done = (first, Turn("assistant", called={"t": "bash"}), Turn("user", outcomes=(Outcome("t", "<output></output>"),)))
    assert answer_of(*done, tools=tools).calls[0].arguments == {"command": "echo ALL_IS_DONE"}
    ended = (*done, Turn("assistant", called={"u": "bash"}), Turn("user", outcomes=(Outcome("u", "ALL_IS_DONE"),)))
    assert not answer_of(*ended, tools=tools).calls


def test_results_that_come_as_text_are_results() -> None:
    tools = (ToolCard("run_shell", "", obj(command=STRING)), ToolCard("final_answer", "", obj(answer=STRING)))
    turns = (Turn("user", f"New task:\n{PROMPT}"), Turn("assistant", "Calling tools:\n[...]"))
    assert answer_of(*turns[:1], tools=tools, choice="any").calls[0].name == "run_shell"
    (call,) = answer_of(*turns, Turn("user", "Observation:\nexit 0"), tools=tools, choice="any").calls
    assert call.name == "final_answer"
    assert "exit 0" in str(call.arguments["answer"])


def test_two_commands_are_two_calls() -> None:
    tools = (ToolCard("bash", "", obj(command=STRING)),)
    reply = brain.answer(said("Run `ls` and `pwd`.", tools=tools))
    assert [call.arguments["command"] for call in reply.calls] == ["ls", "pwd"]


def test_after_the_result_the_agent_is_done() -> None:
    tools = (*OTHERS, ToolCard("bash", "", obj(command=STRING)))
    reply = answer_of(
        Turn("user", PROMPT),
        Turn("assistant", called={"t1": "bash"}),
        Turn("user", outcomes=(Outcome("t1", "(no output)"),)),
        tools=tools,
    )
    assert not reply.calls
    assert "Done" in reply.text


def test_an_agent_that_wants_the_end_said_by_a_tool_gets_it_so() -> None:
    tools = (ToolCard("bash", "", obj(command=STRING)), ToolCard("attempt_completion", "", obj(result=STRING)))
    turns = (
        Turn("user", PROMPT),
        Turn("assistant", called={"t": "bash"}),
        Turn("user", outcomes=(Outcome("t", "ok"),)),
    )
    (call,) = answer_of(*turns, tools=tools).calls
    assert call.name == "attempt_completion"
    assert "Done" in str(call.arguments["result"])


@pytest.mark.parametrize(
    "prompt", ["Reply with one short sentence.", "What does `ls` do?", "Hello", "Summarise the file a.txt"]
)
def test_agents_are_not_called_to_work_without_a_command(prompt: str) -> None:
    tools = (*OTHERS, ToolCard("Bash", "Executes a bash command with a reply", obj(command=STRING)))
    assert not brain.answer(said(prompt, tools=tools)).calls


def test_an_address_goes_to_the_tool_that_reads_pages() -> None:
    fetch = ToolCard("WebFetch", "Fetch", obj(url={"type": "string", "format": "uri"}, prompt=STRING))
    (call,) = brain.answer(said("Look at https://example.org/a.", tools=(*OTHERS, fetch))).calls
    assert call.name == "WebFetch"
    assert call.arguments["url"] == "https://example.org/a"


def test_a_demanded_call_is_always_made() -> None:
    assert brain.answer(said("hello", tools=(WEATHER,), choice="any")).calls[0].name == "get_weather"
    other = ToolCard("note", "", obj(text=STRING))
    named = brain.answer(said("hello", tools=(WEATHER, other), choice="any", named="note"))
    assert named.calls[0].name == "note"
    assert not brain.answer(said("北京今天天气如何？", tools=(WEATHER,), choice="none")).calls


def test_editors_without_tools_get_a_file_listing() -> None:
    reply = brain.answer(said(PROMPT, system="... return the entire content of the updated file ..."))
    assert "\nproof.txt\n```\nhello\n```\n" in reply.text


def test_requests_for_a_title_get_a_short_one() -> None:
    assert len(brain.answer(said(f"Generate a title for this conversation:\n{PROMPT}")).text) < 40


SCHEMAS: list[dict[str, object]] = [
    obj(a=STRING, b={"type": "integer", "minimum": 3}, c={"type": "array", "items": {"type": "number"}, "minItems": 2}),
    obj(a={"$ref": "#/$defs/x"}) | {"$defs": {"x": obj(y={"enum": [4, 5]})}},
    obj(a={"anyOf": [{"type": "null"}, obj(k=STRING)]}, b={"type": ["string", "null"]}, c={"const": 3}),
    obj(
        a={"type": "string", "minLength": 30}, b={"type": "string", "maxLength": 3}, c={"type": "number", "maximum": -2}
    ),
    obj(a={"allOf": [obj(p=STRING), {"properties": {"q": STRING}}]}, d={"type": "string", "format": "date"}),
    {"type": "object"},
]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_arguments_fit_their_schema(schema: dict[str, object]) -> None:
    jsonschema.validate(build(schema, Hints("a question with 12 words")), schema)


def test_a_form_is_answered_in_json() -> None:
    schema = obj(city=STRING, ok={"type": "boolean"}) | {"additionalProperties": False}
    text = brain.answer(said("Describe Oslo", form=schema)).text
    jsonschema.validate(json.loads(text), schema)
    assert json.loads(brain.answer(said("hi", form={})).text)["simulated"] is True


def test_thinking_comes_only_when_asked_for() -> None:
    assert brain.answer(said("hi", thinking=True)).thinking
    assert not brain.answer(said("hi")).thinking


def test_thoughts_tell_what_is_known() -> None:
    tools = (ToolCard("bash", "", obj(command=STRING)),)
    turns = (Turn("user", PROMPT), Turn("assistant", called={"t": "bash"}))
    assert "call the tool bash" in answer_of(*turns[:1], tools=tools, thinking=True).thinking
    results = Turn("user", outcomes=(Outcome("t", "ok"),))
    assert "1 result came back" in answer_of(*turns, results, tools=tools, thinking=True).thinking
    assert "1 个结果" in answer_of(Turn("user", "运行"), turns[1], results, tools=tools, thinking=True).thinking


def test_limits_end_an_answer_early() -> None:
    scene = said("hello", max_tokens=4)
    short = limits.bounded(brain.answer(scene), scene)
    assert short.stop == "length"
    assert 0 < len(short.text) <= 16
    scene = said("hello", stops=("said",))
    stopped = limits.bounded(brain.answer(scene), scene)
    assert (stopped.stop, stopped.stop_sequence) == ("stop_sequence", "said")
    assert stopped.text == "[simulated] You "


@pytest.mark.parametrize("text", ["", "a b  c\n", "春天来了 and then\t— 😀😀 " + "x" * 50, "```\ncode\n```"])
def test_pieces_lose_nothing(text: str) -> None:
    assert "".join(pieces.of_text(text)) == text
    assert "".join(pieces.of_json(text)) == text


def test_the_same_scene_gives_the_same_reply() -> None:
    scene = said("北京今天天气如何？", tools=(WEATHER,), thinking=True)
    assert msgspec.json.encode(brain.answer(scene)) == msgspec.json.encode(brain.answer(scene))


def test_hostile_text_is_read_in_linear_time() -> None:
    texts = ("<a>" * 100_000, "`" * 200_000, "run `" * 60_000, "<a><b>" * 60_000 + "</a>", "my " * 100_000)
    more = ("run `echo a >" + " " * 10_000 + "`", "create file a.b with " * 5_000, "submit command `" * 5_000)
    for text in (*texts, *more):
        brain.answer(said(text, tools=(WEATHER, *OTHERS)))


def test_guide_pictures_match_the_example() -> None:
    body = example("5-image")
    data = base64.b64decode(body["messages"][0]["content"][1]["source"]["data"])
    assert data == (GUIDE / "red-32x32.png").read_bytes()
