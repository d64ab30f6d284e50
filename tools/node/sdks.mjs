// The official Node SDKs against a gateway: node sdks.mjs BASE KEY MODEL. One line a check; exit code 1 if one failed.
// Thinking is looked for behind every provider: the simulated Chat Completions shows it as compatible servers do
// (`reasoning_content`), though OpenAI's own does not.
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";

const [base, key, model] = process.argv.slice(2);
const openai = new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: base, apiKey: key, maxRetries: 0 });
const google = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: base } });

const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAKklEQVR4nGO4IydHU8QwasGoBaMWjFowasGoBaMWjFowasGoBaMWDBULAJI2YD1ZaHIvAAAAAElFTkSuQmCC";
const QUESTION = "Please say hello.";
const WEATHER = "What is the weather in Paris and in Oslo today? Call get_weather for each city.";
const schema = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
};
const chatTool = { type: "function", function: { name: "get_weather", description: "Weather of a city", parameters: schema } };
const responsesTool = { type: "function", name: "get_weather", description: "Weather of a city", parameters: schema, strict: false };
const claudeTool = { name: "get_weather", description: "Weather of a city", input_schema: schema };
const geminiTool = { functionDeclarations: [{ name: "get_weather", description: "Weather of a city", parametersJsonSchema: schema }] };

const checks = {
  async "openai chat: whole and streamed text are the same kind of message"() {
    const messages = [{ role: "user", content: QUESTION }];
    const whole = await openai.chat.completions.create({ model, messages });
    assert.equal(whole.choices[0].finish_reason, "stop");
    assert.ok(whole.usage.total_tokens > 0);
    const runner = openai.chat.completions.stream({ model, messages, stream_options: { include_usage: true } });
    let deltas = "";
    runner.on("content", (delta) => (deltas += delta));
    const final = await runner.finalChatCompletion();
    assert.equal(final.choices[0].message.content, deltas);
    assert.equal(final.choices[0].message.content, whole.choices[0].message.content);
    assert.equal(final.model, model);
  },
  async "openai chat: a tool is called, its result is given back"() {
    const messages = [{ role: "user", content: WEATHER }];
    const first = await openai.chat.completions.stream({ model, messages, tools: [chatTool], tool_choice: "required" }).finalChatCompletion();
    const { message, finish_reason } = first.choices[0];
    assert.equal(finish_reason, "tool_calls");
    assert.ok(message.tool_calls.length >= 1);
    const results = message.tool_calls.map((call) => {
      assert.ok(JSON.parse(call.function.arguments).city);
      return { role: "tool", tool_call_id: call.id, content: "sunny, 21 degrees" };
    });
    const second = await openai.chat.completions.create({ model, messages: [...messages, message, ...results], tools: [chatTool] });
    assert.match(second.choices[0].message.content, /21/);
  },
  async "openai chat: an image is seen"() {
    const content = [
      { type: "text", text: "Which colour is the picture?" },
      { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } },
    ];
    const answer = await openai.chat.completions.create({ model, messages: [{ role: "user", content }] });
    assert.match(answer.choices[0].message.content, /red/i);
  },
  async "openai: models are listed and retrieved"() {
    const ids = [];
    for await (const each of openai.models.list()) ids.push(each.id);
    assert.ok(ids.length > 3);
    assert.equal((await openai.models.retrieve(ids[0])).id, ids[0]);
  },
  async "openai: errors have their classes"() {
    const messages = [{ role: "user", content: QUESTION }];
    await assert.rejects(openai.chat.completions.create({ model, messages: "no" }), OpenAI.BadRequestError);
    const stranger = new OpenAI({ baseURL: `${base}/v1`, apiKey: "sk-wrong-key-0123456789", maxRetries: 0 });
    await assert.rejects(stranger.chat.completions.create({ model, messages }), OpenAI.AuthenticationError);
  },
  async "openai responses: whole and streamed"() {
    const whole = await openai.responses.create({ model, input: QUESTION });
    assert.equal(whole.status, "completed");
    const stream = openai.responses.stream({ model, input: QUESTION });
    let deltas = "";
    stream.on("response.output_text.delta", (event) => (deltas += event.delta));
    const final = await stream.finalResponse();
    assert.equal(final.output_text, deltas);
    assert.equal(final.output_text, whole.output_text);
  },
  async "openai responses: a tool is called, the conversation goes on by id and by items"() {
    const first = await openai.responses.create({ model, input: WEATHER, tools: [responsesTool], tool_choice: "required" });
    const outputs = first.output
      .filter((item) => item.type === "function_call")
      .map((call) => ({ type: "function_call_output", call_id: call.call_id, output: "sunny, 21 degrees" }));
    assert.ok(outputs.length >= 1);
    const byId = await openai.responses.create({ model, previous_response_id: first.id, input: outputs, tools: [responsesTool] });
    assert.match(byId.output_text, /21/);
    const input = [{ role: "user", content: WEATHER }, ...first.output, ...outputs];
    const byItems = await openai.responses.create({ model, input, tools: [responsesTool] });
    assert.match(byItems.output_text, /21/);
  },
  async "anthropic: whole and streamed text are the same message"() {
    const body = { model, max_tokens: 1024, messages: [{ role: "user", content: QUESTION }] };
    const whole = await anthropic.messages.create(body);
    const stream = anthropic.messages.stream(body);
    let deltas = "";
    stream.on("text", (delta) => (deltas += delta));
    const final = await stream.finalMessage();
    assert.equal(final.content[0].text, deltas);
    assert.deepEqual(final.content, whole.content);
    assert.equal(final.stop_reason, "end_turn");
    assert.ok(final.usage.output_tokens > 0);
  },
  async "anthropic: tools in parallel, results given back"() {
    const messages = [{ role: "user", content: WEATHER }];
    const body = { model, max_tokens: 1024, tools: [claudeTool], tool_choice: { type: "any" } };
    const first = await anthropic.messages.stream({ ...body, messages }).finalMessage();
    assert.equal(first.stop_reason, "tool_use");
    const calls = first.content.filter((block) => block.type === "tool_use");
    const content = calls.map((call) => {
      assert.ok(call.input.city);
      return { type: "tool_result", tool_use_id: call.id, content: "sunny, 21 degrees" };
    });
    const history = [...messages, { role: "assistant", content: first.content }, { role: "user", content }];
    const second = await anthropic.messages.create({ model, max_tokens: 1024, tools: [claudeTool], messages: history });
    assert.match(second.content.at(-1).text, /21/);
  },
  async "anthropic: thinking comes with a signature and is taken back"() {
    const body = { model, max_tokens: 4096, thinking: { type: "enabled", budget_tokens: 1024 } };
    const messages = [{ role: "user", content: QUESTION }];
    const first = await anthropic.messages.stream({ ...body, messages }).finalMessage();
    const thought = first.content.find((block) => block.type === "thinking");
    assert.ok(thought.thinking.length > 0);
    assert.equal(typeof thought.signature, "string");
    const history = [...messages, { role: "assistant", content: first.content }, { role: "user", content: "And again?" }];
    const second = await anthropic.messages.create({ ...body, messages: history });
    assert.equal(second.stop_reason, "end_turn");
  },
  async "anthropic: an image and a text document are read"() {
    const content = [
      { type: "image", source: { type: "base64", media_type: "image/png", data: PNG } },
      { type: "document", source: { type: "text", media_type: "text/plain", data: "Code word: HALYARD" }, title: "note" },
      { type: "text", text: "What is in the picture and in the document?" },
    ];
    const answer = await anthropic.messages.create({ model, max_tokens: 1024, messages: [{ role: "user", content }] });
    assert.match(answer.content[0].text, /red|HALYARD/i);
  },
  async "anthropic: tokens are counted, models listed"() {
    const counted = await anthropic.messages.countTokens({ model, messages: [{ role: "user", content: QUESTION }] });
    assert.ok(counted.input_tokens > 0);
    const ids = [];
    for await (const each of anthropic.models.list()) ids.push(each.id);
    assert.ok(ids.length > 3);
  },
  async "anthropic: errors have their classes"() {
    const body = { model, max_tokens: -1, messages: [{ role: "user", content: QUESTION }] };
    await assert.rejects(anthropic.messages.create(body), Anthropic.BadRequestError);
  },
  async "google: whole and streamed"() {
    const whole = await google.models.generateContent({ model, contents: QUESTION });
    let streamed = "";
    for await (const chunk of await google.models.generateContentStream({ model, contents: QUESTION })) streamed += chunk.text ?? "";
    assert.equal(streamed, whole.text);
    assert.ok(whole.usageMetadata.totalTokenCount > 0);
  },
  async "google: a chat calls a tool and goes on"() {
    const config = { tools: [geminiTool], toolConfig: { functionCallingConfig: { mode: "ANY" } } };
    const first = await google.models.generateContent({ model, contents: WEATHER, config });
    const calls = first.functionCalls;
    assert.ok(calls.length >= 1);
    const parts = calls.map((call) => ({ functionResponse: { id: call.id, name: call.name, response: { output: "sunny, 21 degrees" } } }));
    const contents = [{ role: "user", parts: [{ text: WEATHER }] }, first.candidates[0].content, { role: "user", parts }];
    const second = await google.models.generateContent({ model, contents, config: { tools: [geminiTool] } });
    assert.match(second.text, /21/);
  },
  async "google: tokens are counted"() {
    assert.ok((await google.models.countTokens({ model, contents: QUESTION })).totalTokens > 0);
  },
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`PASS  ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}: ${String(error.message ?? error).split("\n")[0]}`);
  }
}
console.log(`${Object.keys(checks).length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
