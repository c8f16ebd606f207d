// OpenAI's own JavaScript client: prints as JSON what it reads.
import OpenAI from "openai";

const [baseURL, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey });
const messages = [{ role: "user", content: "Hello" }];
const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object" } } }];

const whole = await client.chat.completions.create({ model: "openai/any-words-3", messages });

let streamed = "";
let tokens = 0;
const options = { stream: true, stream_options: { include_usage: true } };
for await (const chunk of await client.chat.completions.create({ model: "anthropic/any-words-3", messages, ...options })) {
  streamed += chunk.choices[0]?.delta.content ?? "";
  tokens = chunk.usage?.total_tokens ?? tokens;
}

const asked = { model: "openai/any-words-1-calls-2", tools };
const message = (await client.chat.completions.stream({ messages, ...asked }).finalChatCompletion()).choices[0].message;
const results = message.tool_calls.map(({ id }) => ({ role: "tool", tool_call_id: id, content: "rain" }));
const answered = await client.chat.completions.create({ messages: [...messages, message, ...results], ...asked });

let refused;
try {
  await client.chat.completions.create({ model: "openai/any", messages, temperature: 3 }, { maxRetries: 0 });
} catch (error) {
  refused = [error.constructor.name, error.code, error.param];
}

console.log(
  JSON.stringify({
    whole: whole.choices[0].message.content,
    streamed,
    tokens,
    calls: message.tool_calls.map((call) => [call.id, call.function.name, JSON.parse(call.function.arguments)]),
    answer: answered.choices[0].message.content,
    refused,
    models: (await client.models.list()).data.map((model) => model.id),
  }),
);
