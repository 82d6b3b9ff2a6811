// npm start -- path/to/mayfly: the official TypeScript SDK, version 2. It asks the server which
// revisions of the protocol it speaks, and finds 2026-07-28.
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

const mayfly = process.argv[2];
if (!mayfly) throw new Error('usage: npm start -- path/to/mayfly');

const workspace = await realpath(await mkdtemp(join(tmpdir(), 'mayfly-v2-')));
const client = new Client(
  { name: 'mayfly-typescript-sdk-v2-example', version: '1.0.0' },
  { versionNegotiation: { mode: 'auto' } },
);
await client.connect(
  new StdioClientTransport({ command: mayfly, args: ['serve', '--workspace', workspace] }),
);

/** Runs a command in a sandbox of its own and returns the receipt. */
async function run(args: Record<string, unknown>): Promise<any> {
  const result = await client.callTool({ name: 'run_command', arguments: args });
  if (result.isError) throw new Error(result.content.map((block: any) => block.text).join('\n'));
  return result.structuredContent;
}

try {
  console.log(`protocol ${client.getNegotiatedProtocolVersion()} (${client.getProtocolEra()})`);
  const { tools } = await client.listTools();
  console.log(`tools ${tools.map((tool) => tool.name).join(', ')}`);

  // Two commands at once, each in its own sandbox; they share the workspace and nothing else.
  const [first, second] = await Promise.all([
    run({ command: 'echo one > one.txt && echo $$' }),
    run({ argv: ['sh', '-c', 'echo two; exit 3'] }),
  ]);
  console.log(`first: exit ${first.exit_code}, ${first.usage.wall_ms} ms, ${first.sandbox}`);
  console.log(`second: exit ${second.exit_code}, said ${second.stdout.trim()}`);
  console.log(`one.txt: ${(await readFile(join(workspace, 'one.txt'), 'utf8')).trim()}`);

  const denied = await run({ command: 'cat /etc/shadow' });
  console.log(`denied: exit ${denied.exit_code}, ${denied.stderr.trim()}`);

  const slow = await run({ command: 'sleep 60', timeout_ms: 300 });
  console.log(`slow: ended by ${slow.ended_by}`);
} finally {
  await client.close();
  await rm(workspace, { recursive: true });
}
