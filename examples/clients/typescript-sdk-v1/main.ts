// npm start -- path/to/mayfly: the official TypeScript SDK, version 1, which most clients of today
// are built on. It speaks the revisions up to 2025-11-25. Shows progress and cancellation.
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

const mayfly = process.argv[2];
if (!mayfly) throw new Error('usage: npm start -- path/to/mayfly');

const workspace = await realpath(await mkdtemp(join(tmpdir(), 'mayfly-v1-')));
const client = new Client({ name: 'mayfly-typescript-sdk-v1-example', version: '1.0.0' });
await client.connect(
  new StdioClientTransport({ command: mayfly, args: ['serve', '--workspace', workspace] }),
);

try {
  const server = client.getServerVersion();
  console.log(`server ${server?.name} ${server?.version}`);
  console.log(`instructions: ${client.getInstructions()?.split('\n')[0]}`);
  const { tools } = await client.listTools();
  console.log(`tools ${tools.map((tool) => tool.name).join(', ')}`);

  const result = await client.callTool({
    name: 'run_command',
    arguments: { command: 'cat; echo "to stderr" >&2; exit 3', stdin: 'from stdin\n' },
  });
  const receipt = result.structuredContent as any;
  console.log(`exit ${receipt.exit_code}, isError ${result.isError ?? false}`);
  console.log(`stdout: ${receipt.stdout.trim()}`);
  console.log(`stderr: ${receipt.stderr.trim()}`);

  // The user loses patience: aborting the request kills everything in the sandbox.
  const patience = new AbortController();
  const started = Date.now();
  setTimeout(() => patience.abort('the user pressed Esc'), 300);
  await client
    .callTool({ name: 'run_command', arguments: { command: 'sleep 60' } }, undefined, {
      signal: patience.signal,
    })
    .catch((error) => console.log(`cancelled after ${Date.now() - started < 5000 ? 'a moment' : 'too long'}: ${error.message}`));
} finally {
  await client.close();
  await rm(workspace, { recursive: true });
}
