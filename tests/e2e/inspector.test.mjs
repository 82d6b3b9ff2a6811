// The Inspector's command line, in both eras.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { mayfly, runProgram, temporaryDirectory } from './support.mjs';

const inspector = join(import.meta.dirname, 'node_modules/.bin/mcp-inspector');

async function inspect(t, era, ...options) {
  const workspace = temporaryDirectory(t);
  const home = temporaryDirectory(t);
  const { code, stdout, stderr } = await runProgram(
    process.execPath,
    [inspector, '--cli', mayfly, 'serve', '--workspace', workspace,
      '--protocol-era', era, '--format', 'json', '--quiet', ...options],
    { env: { ...process.env, HOME: home } },
  );
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  const answer = JSON.parse(stdout);
  return answer.result ?? answer;
}

for (const era of ['legacy', 'modern']) {
  describe(`Inspector, ${era}`, { concurrency: false }, () => {
    test('lists the tools', async (t) => {
      const { tools } = await inspect(t, era, '--method', 'tools/list');
      assert.ok(tools.some((tool) => tool.name === 'run_command'), JSON.stringify(tools));
    });

    test('finds nothing to complain about in their schemas', async (t) => {
      await inspect(t, era, '--method', 'tools/list', '--strict');
    });

    test('runs a command', async (t) => {
      const result = await inspect(t, era, '--method', 'tools/call', '--tool-name', 'run_command',
        '--tool-args-json', JSON.stringify({ command: 'echo inspected; exit 3' }));
      assert.equal(result.structuredContent.stdout, 'inspected\n');
      assert.equal(result.structuredContent.exit_code, 3);
    });
  });
}
