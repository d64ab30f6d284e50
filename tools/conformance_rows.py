"""The 150 cases of the conformance checklist, in short words: who asks whom, and what must come of it.

A Anthropic Messages, C OpenAI Chat Completions, R OpenAI Responses, G Gemini, K Kiro, O Ollama; "any" stands for each.
"""

from collections.abc import Mapping

SECTIONS: Mapping[str, tuple[str, int, int]] = {
    "5.1": ("What gateways get wrong most often", 1, 30),
    "5.2": ("Routes, keys, lists, bodies", 31, 56),
    "5.3": ("Streams and the SDKs' helpers", 57, 90),
    "5.4": ("Requests: roles, tools, results, settings", 91, 130),
    "5.5": ("Answers: stops, errors, usage", 131, 150),
}

_TITLES = """
A → G: each step of a tool loop gives back its own thought signature
A → G: a history of another model gets Google's stand-in, on the first call of a step
A → A: thinking that Gemini gave is not shown to Claude
A → A: thinking of one Claude model given to another
A ← C: thinking, text and call are blocks one after the other
A ← any: one start, one stop, indexes without gaps
A ← C: parallel calls whose fragments interleave become one block after the other
A ← C: usage that comes behind the finish reason counts
A ← C, R: cached and written tokens are taken out of the prompt's count
C ← A: cached tokens are put into the prompt's count, streamed and whole
A → C: a picture in a tool result reaches the model
A → G: a picture in a tool result reaches the model
A → R: pictures with their detail, thinking as reasoning and not as text
R ← C: the events of a text in their order, numbered without gaps
R ← C: reasoning is added, told and done before the message begins
R ← any: one id for an item in all events and in the final object
R ← C: a call is whole in both of its done events
R → A: tools of a namespace and freeform tools go as functions and come back as they were
R → A: hosted tools of OpenAI never become tools without a name
R → C: a freeform tool with its grammar becomes a function, its raw input comes back
A, C → G: JSON Schema that Gemini refuses is levelled, members of such names stay
C → G: required names without a property are taken out
A → K: a tool's name of 71 characters is shortened and given back whole
any ← K: a large call cut in midstream is a failure or a limit, never an empty call
C, R → OpenAI: call ids of 949 characters become ids that fit, in pairs
C → A: call ids with dots and colons become ids that fit, in pairs
C → OpenAI: tools and a reasoning model go by Responses
A → A: betas, context management, unknown members pass byte for byte
A → C, G: what only Anthropic knows is left out and named
A ← any: asked again without a stream there is one JSON message
A: the newer API version with a bearer key
A: the older API version with its own key header and the beta flag
A → A: sampling under the version that refuses it
C → A: the sampling of Copilot's CLI is left out for models that take none
HEAD and GET of /, health, preflight: at once and without a key
/v1/models for both SDKs; an unknown model is not found
/v1/models as Codex reads it
/v1beta/models as Gemini's clients read it
A: tokens are counted with tools, pictures and thinking, whatever the service
G: tokens are counted in both forms of the request
R: tokens of the input are counted
R: a WebSocket is declined so that clients go on with POST
R over WebSocket: an empty life, then a turn that refers to it
R over WebSocket: a reference to an unknown answer
all: a wrong key is refused in the client's own form
all: a body that cannot be read is 400 in the client's own form, with the member's name
all: unknown members are forwarded or left out, never refused
all: gzip and zstd bodies
all: a picture of 30 MB passes, a body above the limit is 413 in the client's own form
C, A, R: base URLs without /v1, with two, with a slash at the end
C: a Responses body on the Chat route, as Cursor sends it
G: the key in the query, in a header, as bearer
G: a stream without alt=sse is one JSON array
G: a model with a slash in its name
O: Ollama's own routes
C: embeddings in base64 and floats, of text and of tokens
A ← each: the SDK's helper ends with the message of the call without a stream
A: an event line that is the type, and no [DONE]
A: counts are there from the start
A: a call without arguments has an empty object
A ← G: arguments with big integers and every script come through
A: a long silence is bridged by pings
A: overloaded before the first byte is 529 with the time to wait
A: a service that dies in the text ends in an error event
C ← each: the SDK's helper; the role once, the finish once
C: usage is told if asked for, and only then
C ← A: calls are counted from 0 whatever stood before them
C: a call's id, type and name come once
C ← A: a call without arguments says {} in both modes
C: a failure in the stream raises in the SDK
C: keep-alive is comments only
R ← each: the SDK's strict helper
R: the final object holds output, usage and what was asked
R ← A: an answer cut by its limit is incomplete, and so is its last item
R: a failure in the stream is told in every form
R: nothing but comments before the first event
R ← A: texts around a call are messages of their own
G ← each: Google's SDK reads the stream
G: reason and counts on the last chunk only
G ← A, C: a call is an object with an id, and ends with STOP
G ← A: Claude's signature is base64, and comes home
G: a failure in the stream raises in the SDK
all: characters that line readers stumble over, at any cut
all: a client that leaves lets the service go at once
all: one delta of a megabyte, twenty thousand small ones
A ← C: [DONE] without a finish reason is an end, neither is a cut
A ← C: chunks behind the end, two ends, no choices, null members, odd call heads
A ← C: usage on every chunk, on the last, on none
A ← R: a server that sends no deltas
A ← R: item ids that change from event to event
C → A: leading system and developer messages in order, with their cache marks
C → A: a system message in the middle keeps its place
R → A: instructions and developer items are all there
A → others: Claude Code's billing line stays with Anthropic
C → A: users in a row, null content, empty texts
C → A: results of parallel calls are one message, results first
A → R: results that come split and out of order are paired
A → C: results come before the user's words
any → A: an open call, a lone result, a second result
any → G: as many results as calls
G → A: calls without ids are paired by their order
A → C, R, G: a failed result shows that it failed
all: choices of tools in every service's words
C → A: one call at a time without a choice
A → C: one call at a time
C → A: a forced call and thinking do not go together
C → A: schemas that are no object at their root, or are missing
R → C: a tool that is declared twice
C → A, G: functions and function_call of old
C → others: tool names of any length and alphabet, mapped everywhere and given back
A → A: a budget of thinking above the limit is repaired
A → A: budgets and adaptive thinking by what the model takes
C, R → A, G: every effort as level and as budget
A → OpenAI: thinking switched off, and not spoken of
R → A: Claude's signature travels as encrypted reasoning and comes home, redacted too
R → R, two accounts: encrypted reasoning stays with the account that made it
A ← others: unsigned thinking gets what clients want of a signature, and is not shown to Claude
A → A: an edit that needs thinking goes where thinking goes
C → A: at most four cache marks
R → A: OpenAI's cache marks stay on their block
C → compatible servers: members that a server refuses are left out
all: an answer in a given form, natively or asked for in words
C → A: one JSON object where the API has no word for it
C → R, A: stop sequences by the service or by us
C → R: what has no place is named, several answers are refused
A → G, C: PDFs and text documents; links that cannot be sent are refused, none is fetched
C → A, G: pictures in every source and form
C → G, A: sound
any: a file that another vendor stores is refused in clear words
A → A: an answer to go on with, for models that take it and that do not
all: every reason to stop, streamed and whole
C ← A: a refusal, and what Claude's clients are told of it
A ← G: a prompt that was blocked is a refusal
A ← G: a call that went wrong is an error, never an empty call
A ← C: stop though there are calls
A ← C: tool calls though there are none
all: every refusal of a service in the client's own form; our login's is never the client's
A ← A: Anthropic's error byte for byte
all: rate limits in the client's words
all: usage by each API's arithmetic
G ← A: thoughts are counted apart
A ← K: a service that does not count is estimated, and marked so
all: the model has the name that the client used
A ← G: sources of a search, with their place in the text
R ← A: a search that Claude ran
A → A: searches, pauses, unknown blocks pass untouched
all: the same request gives the same bytes
all: through the middle and back to the same dialect nothing is lost
all: a stream cut at any byte gives a good end or a failure
all: a hundred streams at once, and clients that read slowly
"""

TITLES: Mapping[str, str] = {
    f"T{number:03}": title for number, title in enumerate(_TITLES.strip().splitlines(), start=1)
}

NOT_YET: Mapping[str, str] = {
    "T043": "Responses over WebSocket is not offered; clients are told so and go on with POST (T042)",
    "T044": "Responses over WebSocket is not offered",
    "T055": "Ollama's own API is not offered; its clients can use the OpenAI routes",
}
"""Why a case has no test. Whoever covers one takes it out here."""
