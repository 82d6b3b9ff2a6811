// npm start -- path/to/mayfly: a LangChain agent whose only tools are Mayfly's. The model is a script
// (see ScriptedModel), so this runs without an API key; put a real chat model in its place.
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BaseChatModel } from '@langchain/core/language_models/chat_models';
import { AIMessage, type BaseMessage, ToolMessage } from '@langchain/core/messages';
import { MultiServerMCPClient } from '@langchain/mcp-adapters';
import { createAgent } from 'langchain';

/** Stands in for a language model: reads what the last tool call answered and decides the next. */
class ScriptedModel extends BaseChatModel {
  constructor() {
    super({});
  }

  _llmType() {
    return 'scripted';
  }

  bindTools() {
    return this;
  }

  async _generate(messages: BaseMessage[]) {
    const seen = messages.filter((message) => ToolMessage.isInstance(message));
    const next = [
      () => this.use(1, { command: 'printf "def f(n):\\n    return n * 2\\n" > f.py; ls' }),
      () => this.use(2, { command: 'python3 -c "import f; assert f.f(2) == 5"' }),
      () => this.use(3, { command: 'sed -i "s/n \\* 2/n * 2 + 1/" f.py && python3 -c "import f; assert f.f(2) == 5; print(\\"passed\\")"' }),
      () => new AIMessage(`The test ${seen.at(-1)?.text.includes('passed') ? 'passes' : 'fails'} now.`),
    ][seen.length];
    const message = next();
    return { generations: [{ text: message.text, message }] };
  }

  use(step: number, args: Record<string, unknown>) {
    return new AIMessage({
      content: '',
      tool_calls: [{ id: `call-${step}`, name: 'run_command', args, type: 'tool_call' }],
    });
  }
}

const mayfly = process.argv[2];
if (!mayfly) throw new Error('usage: npm start -- path/to/mayfly');

const workspace = await realpath(await mkdtemp(join(tmpdir(), 'mayfly-langchain-')));
const client = new MultiServerMCPClient({
  mcpServers: {
    mayfly: { transport: 'stdio', command: mayfly, args: ['serve', '--workspace', workspace] },
  },
});

try {
  const tools = await client.getTools();
  console.log(`tools ${tools.map((tool) => tool.name).join(', ')}`);
  const agent = createAgent({ model: new ScriptedModel(), tools });
  const { messages } = await agent.invoke({
    messages: [{ role: 'user', content: 'Make f(2) return 5, and prove it.' }],
  });
  for (const message of messages) {
    const calls = AIMessage.isInstance(message) ? (message.tool_calls ?? []) : [];
    for (const call of calls) console.log(`model calls ${call.name}: ${call.args.command}`);
    if (ToolMessage.isInstance(message)) {
      // The adapter hands the model both forms of the receipt, as JSON: the text and the structure.
      const { text } = JSON.parse(message.text);
      console.log(`tool answers: ${text.split('\n')[0]}`);
    } else if (message.text) {
      console.log(`${message.type} says: ${message.text}`);
    }
  }
} finally {
  await client.close();
  await rm(workspace, { recursive: true });
}
