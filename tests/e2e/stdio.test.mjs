// The pipe itself: what a careless or hostile client sends, and what is left when somebody dies.
import assert from 'node:assert/strict';
import { readdirSync, readlinkSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import {
  RawServer, descendants, eventually, isAlive, modernMeta, newMarker, processesWith, serve,
  temporaryDirectory, textOf,
} from './support.mjs';

describe('stdio', { concurrency: false }, () => {
  for (const [title, bytes] of [
    ['words', 'hello?\n'],
    ['an empty line', '\n\r\n   \n'],
    ['half a message', '{"jsonrpc":"2.0","id":77,\n'],
    ['a bare value', '42\n"text"\nnull\ntrue\n'],
    ['an empty batch', '[]\n'],
    ['a batch of nonsense', '[1,{},[]]\n'],
    ['no method', '{"jsonrpc":"2.0","id":78}\n'],
    ['a wrong version', '{"jsonrpc":"1.0","id":79,"method":"ping"}\n'],
    ['params that are no object', '{"jsonrpc":"2.0","id":80,"method":"tools/call","params":[1,2]}\n'],
    ['an answer to a question nobody asked', '{"jsonrpc":"2.0","id":81,"result":{}}\n'],
    ['an id that is an object', '{"jsonrpc":"2.0","id":{"a":1},"method":"server/discover"}\n'],
    ['an unknown notification', '{"jsonrpc":"2.0","method":"notifications/unheard"}\n'],
    ['a cancellation of nothing', '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":999}}\n'],
    ['invalid UTF-8', Buffer.from([0xff, 0xfe, 0x80, 0x0a])],
    ['invalid UTF-8 in a string', Buffer.concat([Buffer.from('{"jsonrpc":"2.0","id":82,"method":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}\n')])],
    ['NUL bytes', Buffer.from([0, 0, 0, 0x0a])],
    ['very deep nesting', `${'['.repeat(200000)}\n`],
    ['a number out of range', '{"jsonrpc":"2.0","id":1e999,"method":"ping"}\n'],
  ]) {
    test(`survives ${title}`, async (t) => {
      const { server } = serve(t);
      server.write(bytes);
      await server.mustBeWell();
    });
  }

  test('survives a line of 70 MB', async (t) => {
    const { server } = serve(t);
    const piece = Buffer.alloc(1 << 20, 'x');
    for (let i = 0; i < 70; ++i) server.write(piece);
    server.write('\n');
    await server.mustBeWell();
  });

  test('takes a message of 1 MB that arrives in small pieces', async (t) => {
    const { server } = serve(t);
    const answer = server.request('tools/call', {
      name: 'run_command', arguments: { command: 'wc -c', stdin: 'y'.repeat(1 << 20) },
    });
    const { result } = await answer;
    assert.equal(result.structuredContent.stdout.trim(), String(1 << 20));
  });

  test('answers each of 2 000 requests exactly once', async (t) => {
    const { server } = serve(t);
    const answers = await Promise.all(
      Array.from({ length: 2000 }, () => server.request('server/discover')),
    );
    assert.ok(answers.every((answer) => answer.result));
    await server.mustBeWell();
    const ids = server.messages.map((message) => message.id);
    assert.equal(new Set(ids).size, ids.length, 'an id was answered twice');
  });

  test('keeps stdout to the protocol, whatever commands print', async (t) => {
    const { server } = serve(t);
    const results = await Promise.all([
      server.run('echo noise; echo noise >&2'),
      server.run('ls -l /proc/self/fd; echo x >&3; echo x >&4; true'),
      server.run('head -c 300000 /dev/urandom'),
    ]);
    for (const result of results) assert.equal(result.structuredContent.exit_code, 0, textOf(result));
    await server.mustBeWell();
  });

  test('lets a program open its output by name', async (t) => {
    const { server } = serve(t);
    const { structuredContent: receipt } = await server.run(
      'echo one > /dev/stdout; echo two > /dev/stderr; echo three | tee /dev/fd/2',
    );
    assert.equal(receipt.stdout, 'one\nthree\n', JSON.stringify(receipt));
    assert.equal(receipt.stderr, 'two\nthree\n');
  });

  test('speaks all legacy revisions and answers an unknown one with its latest', async (t) => {
    for (const [asked, answered] of [
      ['2024-11-05', '2024-11-05'], ['2025-03-26', '2025-03-26'], ['2025-06-18', '2025-06-18'],
      ['2025-11-25', '2025-11-25'], ['1999-01-01', '2025-11-25'],
    ]) {
      const { server } = serve(t);
      const { result } = await server.request('initialize', {
        protocolVersion: asked, capabilities: {}, clientInfo: { name: 'e2e', version: '1' },
      }, null);
      assert.equal(result.protocolVersion, answered);
      server.write('{"jsonrpc":"2.0","method":"notifications/initialized"}\n');
      assert.deepEqual((await server.request('ping', {}, null)).result, {});
      const call = await server.call('run_command', { command: 'echo legacy' }, null);
      assert.match(textOf(call), /legacy/);
    }
  });

  test('an unknown revision in _meta is refused with those that are spoken', async (t) => {
    const { server } = serve(t);
    const { error } = await server.request('tools/list', {}, {
      ...modernMeta, 'io.modelcontextprotocol/protocolVersion': '2031-01-01',
    });
    assert.equal(error.code, -32022);
    assert.deepEqual(error.data.supported, ['2026-07-28']);
  });

  test('an unknown method is refused', async (t) => {
    const { server } = serve(t);
    assert.equal((await server.request('tools/invent')).error.code, -32601);
    await server.mustBeWell();
  });

  test('sends nothing for a call that was cancelled', async (t) => {
    const { server } = serve(t);
    const marker = newMarker(t);
    server.run(`sleep 300; : ${marker}`).catch(() => {});
    const id = server.lastId;
    await eventually('the command runs', () => processesWith(marker).length > 0);
    server.write(`${JSON.stringify({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id, _meta: modernMeta } })}\n`);
    await eventually('its processes are gone', () => processesWith(marker).length === 0);
    await server.run('true');
    await server.mustBeWell();
    assert.ok(!server.messages.some((message) => message.id === id));
  });

  test('ends at end of input with code 0', async (t) => {
    const { server } = serve(t);
    await server.mustBeWell();
    const started = Date.now();
    assert.deepEqual(await server.endOfInput(), { code: 0, signal: null });
    assert.ok(Date.now() - started < 2000);
  });

  test('ends at end of input before anything was said', async (t) => {
    const { server } = serve(t);
    assert.deepEqual(await server.endOfInput(), { code: 0, signal: null });
  });

  test('takes running calls along at end of input', async (t) => {
    const { server } = serve(t);
    const marker = newMarker(t);
    server.run(`trap '' TERM; sleep 300; : ${marker}`).catch(() => {});
    await eventually('the command runs', () => processesWith(marker).length > 0);
    const started = Date.now();
    assert.equal((await server.endOfInput()).code, 0);
    assert.ok(Date.now() - started < 5000, `took ${Date.now() - started} ms`);
    assert.deepEqual(processesWith(marker), []);
  });

  test('killed with SIGKILL, leaves no process within a second', async (t) => {
    const { server } = serve(t);
    const marker = newMarker(t);
    const command = `setsid sh -c 'sleep 300; : ${marker}' & (trap '' TERM HUP; sleep 300; : ${marker})`;
    for (let i = 0; i < 3; ++i) server.run(command).catch(() => {});
    await eventually('the commands run', () => processesWith(marker).length >= 3);
    const all = descendants(server.process.pid);
    server.process.kill('SIGKILL');
    await server.exited;
    await eventually('nothing is left', () => processesWith(marker).length === 0, 1000);
    await eventually('no process of the server is left',
      () => !all.some(isAlive), 1000);
  });

  test('makes no sandbox, file or port before the first call', async (t) => {
    const home = temporaryDirectory(t);
    const scratch = temporaryDirectory(t);
    const { server, workspace } = serve(t, [], {
      env: { ...process.env, HOME: home, TMPDIR: scratch, XDG_CACHE_HOME: '', XDG_RUNTIME_DIR: '' },
    });
    await server.mustBeWell();
    await server.request('tools/list');
    for (const pid of descendants(server.process.pid)) {
      // One number: the process is in our own pid namespace, so it is not inside a sandbox.
      assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), /^NSpid:\s+\d+$/m);
    }
    const sockets = readdirSync(`/proc/${server.process.pid}/fd`)
      .map((fd) => /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${server.process.pid}/fd/${fd}`))?.[1])
      .filter(Boolean);
    const bound = ['tcp', 'tcp6', 'udp', 'udp6']
      .flatMap((table) => readFileSync(`/proc/net/${table}`, 'utf8').trim().split('\n').slice(1))
      .map((line) => line.trim().split(/\s+/)[9]);
    assert.deepEqual(sockets.filter((inode) => bound.includes(inode)), []);
    for (const directory of [home, scratch, workspace]) assert.deepEqual(readdirSync(directory), []);
  });

  test('leaves nothing of 50 calls behind in the server', async (t) => {
    const { server } = serve(t);
    await server.run('true');
    const count = () => ({
      processes: descendants(server.process.pid).length,
      fds: readdirSync(`/proc/${server.process.pid}/fd`).length,
      mounts: readFileSync('/proc/self/mounts', 'utf8').split('\n').length,
    });
    const before = count();
    for (let i = 0; i < 50; ++i) await server.run('echo x');
    const grown = () => Object.keys(before).filter((what) => count()[what] > before[what]);
    await eventually('as much as before', () => grown().length === 0, 2000)
      .catch(() => assert.fail(`more ${grown()}: ${JSON.stringify([before, count()])}`));
  });

  test('takes the workspace from CLAUDE_PROJECT_DIR, else from where it was started', async (t) => {
    const project = temporaryDirectory(t);
    const elsewhere = temporaryDirectory(t);
    const named = new RawServer(t, ['serve'], { cwd: elsewhere, env: { ...process.env, CLAUDE_PROJECT_DIR: project } });
    assert.equal((await named.run('pwd')).structuredContent.stdout, `${project}\n`);
    const { CLAUDE_PROJECT_DIR: _, ...env } = process.env;
    const started = new RawServer(t, ['serve'], { cwd: elsewhere, env });
    assert.equal((await started.run('pwd')).structuredContent.stdout, `${elsewhere}\n`);
  });
});
