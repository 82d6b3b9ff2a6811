// README's commands are run, its configuration is parsed, and each server that it names "mayfly" is
// started as written.
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, test } from 'node:test';
import { RawServer, mayfly, repository, runProgram, temporaryDirectory } from './support.mjs';

const readme = readFileSync(join(repository, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)].map(([, info, text]) => ({ info, text }));

/** An environment in which `mayfly` is the one under test. */
function installed(t) {
  const bin = temporaryDirectory(t);
  symlinkSync(mayfly, join(bin, 'mayfly'));
  chmodSync(bin, 0o755);
  return { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
}

describe('README', { concurrency: false }, () => {
  for (const { text } of blocks.filter(({ info }) => info === 'sh test')) {
    for (const line of text.trim().split('\n')) {
      test(`works: ${line}`, async (t) => {
        const { code, stdout, stderr } = await runProgram('sh', ['-c', line], {
          cwd: temporaryDirectory(t), env: installed(t),
        });
        assert.equal(code, 0, `${stdout}\n${stderr}`);
        if (line.includes('uname')) assert.match(stdout, /^inside: Linux\n/);
        if (line.includes('shadow')) assert.match(stdout, /^denied/);
      });
    }
  }

  for (const { text } of blocks.filter(({ info }) => info === 'json')) {
    const parsed = JSON.parse(text);
    const server = (parsed.mcpServers ?? parsed.servers)?.mayfly;
    if (!server) continue;
    const at = server.args.indexOf('serve');
    assert.ok(at >= 0, text);
    test(`its entry works: ${[server.command, ...server.args].join(' ')}`, async (t) => {
      const workspace = temporaryDirectory(t);
      const args = server.args.slice(at).map((arg) =>
        arg.replace('/home/you/project', workspace).replace('${workspaceFolder}', workspace));
      const raw = new RawServer(t, args, { cwd: workspace });
      assert.equal((await raw.run('pwd')).structuredContent.stdout, `${workspace}\n`);
    });
  }

  test('its TOML is TOML', async () => {
    for (const { text } of blocks.filter(({ info }) => info === 'toml')) {
      const { code, stderr } = await runProgram('python3', ['-c', 'import sys, tomllib; tomllib.loads(sys.argv[1])', text]);
      assert.equal(code, 0, stderr);
    }
  });

  test('every file that it links to is there', () => {
    for (const [, target] of readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) readFileOrDirectory(target);
  });

  test('every make target that it names exists', () => {
    const makefile = readFileSync(join(repository, 'Makefile'), 'utf8');
    for (const [, target] of readme.matchAll(/^(?:sudo )?make (\w+)/gm)) {
      assert.match(makefile, new RegExp(`^${target}:`, 'm'));
    }
  });
});

function readFileOrDirectory(target) {
  try {
    readFileSync(join(repository, target));
  } catch (error) {
    if (error.code !== 'EISDIR') throw error;
  }
}
