// Runs each of examples/clients as a reader would, with the packages that are installed here.
import assert from 'node:assert/strict';
import { cpSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { mayfly, repository, runProgram, temporaryDirectory } from './support.mjs';

const examples = join(repository, 'examples/clients');

/** A copy of the example, beside the packages that its package.json pins. */
function copyOf(t, name) {
  const directory = temporaryDirectory(t);
  cpSync(join(examples, name), join(directory, name), {
    recursive: true, filter: (path) => !path.includes('node_modules'),
  });
  symlinkSync(join(import.meta.dirname, 'node_modules'), join(directory, 'node_modules'));
  return join(directory, name);
}

async function runExample(cwd, command, ...args) {
  const { code, stdout, stderr } = await runProgram(command, [...args, mayfly], { cwd });
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  return stdout;
}

describe('examples', { concurrency: false }, () => {
  test('the tour in Python', async (t) => {
    const stdout = await runExample(copyOf(t, 'python'), 'python3', 'demo.py');
    assert.match(stdout, /speaking 2026-07-28/);
    assert.match(stdout, /All 1\d steps went as expected/);
  });

  test('plain shell', async (t) => {
    const stdout = await runExample(copyOf(t, 'shell'), './client.sh');
    assert.match(stdout, /"protocolVersion":"2025-11-25"/);
    assert.match(stdout, /"name":"run_command"/);
    assert.match(stdout, /hello from Linux/);
    assert.match(stdout, /"exit_code":3/);
    assert.match(stdout, /the server ended with code 0/);
  });

  test('TypeScript SDK v2', async (t) => {
    const stdout = await runExample(copyOf(t, 'typescript-sdk-v2'), process.execPath, 'main.ts');
    assert.match(stdout, /protocol 2026-07-28 \(modern\)/);
    assert.match(stdout, /tools .*run_command/);
    assert.match(stdout, /first: exit 0, \d+ ms, default:/);
    assert.match(stdout, /second: exit 3, said two/);
    assert.match(stdout, /one.txt: one/);
    assert.match(stdout, /denied: exit 1, .*shadow/);
    assert.match(stdout, /slow: ended by timeout/);
  });

  test('TypeScript SDK v1', async (t) => {
    const stdout = await runExample(copyOf(t, 'typescript-sdk-v1'), process.execPath, 'main.ts');
    assert.match(stdout, /server mayfly \d/);
    assert.match(stdout, /exit 3, isError false/);
    assert.match(stdout, /stdout: from stdin\nstderr: to stderr/);
    assert.match(stdout, /cancelled after a moment/);
  });

  test('LangChain', async (t) => {
    const stdout = await runExample(copyOf(t, 'langchain'), process.execPath, 'main.ts');
    assert.match(stdout, /tool answers: exit 1 /);
    assert.match(stdout, /tool answers: exit 0 /);
    assert.match(stdout, /ai says: The test passes now\./);
  });

  test('each pins the version that is tested here', () => {
    const read = (path) => JSON.parse(readFileSync(path, 'utf8'));
    const tested = read(join(import.meta.dirname, 'package.json')).devDependencies;
    for (const name of ['typescript-sdk-v2', 'typescript-sdk-v1', 'langchain']) {
      for (const [dependency, version] of Object.entries(read(join(examples, name, 'package.json')).dependencies)) {
        assert.equal(version, tested[dependency], `${name}: ${dependency}`);
      }
    }
  });
});
