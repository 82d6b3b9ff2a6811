// What every client must find, whichever SDK and era it comes with. `connect(t, args)` starts the
// server with these arguments and returns {listTools, call, instructions, version, listResources,
// listResourceTemplates, readResource, subscribe}, where call(name, arguments, {signal, onprogress})
// gives the result of tools/call, readResource(uri) the contents, and subscribe(uri, told) a function
// that ends it; told(uri) is called for each update.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { eventually, newMarker, processesWith, temporaryDirectory, textOf } from './support.mjs';

const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** All of a resource, page after page; `length` 0 leaves the size of a page to the server. */
async function readWhole(client, uri, length = 0) {
  const pages = [];
  for (let offset = 0; offset !== undefined; ) {
    const asked = `${uri}?offset=${offset}${length ? `&length=${length}` : ''}`;
    const [page, ...more] = await client.readResource(asked);
    assert.deepEqual(more, []);
    const bytes = page.text === undefined ? Buffer.from(page.blob, 'base64') : Buffer.from(page.text);
    const range = page._meta['dev.mayfly/range'];
    assert.equal(range.offset, offset);
    assert.equal(range.length, bytes.length);
    assert.ok(range.next_offset === undefined || range.next_offset > offset);
    pages.push(bytes);
    offset = range.next_offset;
  }
  return { bytes: Buffer.concat(pages), pages: pages.length };
}

export function clientSuite(name, { version, connect }) {
  async function open(t, more = []) {
    const workspace = temporaryDirectory(t);
    const client = await connect(t, ['serve', '--workspace', workspace, ...more]);
    return {
      ...client,
      workspace,
      run: (args, options) => client.call('run_command', args, options),
    };
  }

  describe(name, { concurrency: false }, () => {
    test(`the client and the server agree on ${version}`, async (t) => {
      const client = await open(t);
      assert.equal(client.version(), version);
    });

    test('tools are listed with schemas, and fit in 8 KB', async (t) => {
      const client = await open(t);
      const tools = await client.listTools();
      const run = tools.find((tool) => tool.name === 'run_command');
      assert.ok(run, 'no run_command');
      assert.equal(run.inputSchema.type, 'object');
      assert.equal(run.outputSchema.type, 'object');
      for (const argument of ['command', 'argv', 'cwd', 'env', 'stdin', 'timeout_ms', 'limits']) {
        assert.ok(run.inputSchema.properties[argument], `no argument ${argument}`);
      }
      for (const tool of tools) {
        assert.match(tool.name, /^[a-z0-9_]{1,40}$/);
        assert.ok(tool.description, `${tool.name} has no description`);
        assert.equal(tool.inputSchema.oneOf ?? tool.inputSchema.anyOf, undefined);
      }
      assert.ok(JSON.stringify(tools).length <= 8192, 'the list is larger than 8 KB');
    });

    test('the instructions name the workspace and are at most 2 KB', async (t) => {
      const client = await open(t);
      assert.ok(client.instructions().includes(client.workspace));
      assert.ok(Buffer.byteLength(client.instructions()) <= 2048);
    });

    test('a command runs in the workspace, and both forms of the receipt say the same', async (t) => {
      const client = await open(t);
      const result = await client.run({ command: 'echo hello && pwd && echo kept > kept.txt' });
      assert.ok(!result.isError, textOf(result));
      const receipt = result.structuredContent;
      assert.equal(receipt.status, 'exited');
      assert.equal(receipt.ended_by, 'exit');
      assert.equal(receipt.exit_code, 0);
      assert.equal(receipt.stdout, `hello\n${client.workspace}\n`);
      assert.match(receipt.sandbox, /^default:/);
      assert.ok(Number.isInteger(receipt.usage.wall_ms));
      assert.ok(Number.isInteger(receipt.usage.cpu_ms));
      for (const quiet of ['stderr', 'truncated', 'violations', 'job_id', 'signal']) {
        assert.equal(receipt[quiet], undefined, `${quiet} said although there is nothing to say`);
      }
      assert.match(textOf(result), /^exit 0 · .*default:/);
      assert.ok(textOf(result).includes(`hello\n${client.workspace}\n`.trim()));
      assert.equal(readFileSync(join(client.workspace, 'kept.txt'), 'utf8'), 'kept\n');
    });

    test('a command that says nothing costs at most 200 bytes in either form', async (t) => {
      const client = await open(t);
      const result = await client.run({ command: 'true' });
      const structured = JSON.stringify(result.structuredContent);
      assert.ok(structured.length <= 200, structured);
      assert.ok(Buffer.byteLength(textOf(result)) <= 200, textOf(result));
    });

    test('a program that fails is an answer with its exit code and stderr, not an error', async (t) => {
      const client = await open(t);
      const result = await client.run({ command: 'echo out; echo why >&2; exit 3' });
      assert.ok(!result.isError);
      const receipt = result.structuredContent;
      assert.equal(receipt.exit_code, 3);
      assert.equal(receipt.stdout, 'out\n');
      assert.equal(receipt.stderr, 'why\n');
      assert.match(textOf(result), /^exit 3 /);
      assert.ok(textOf(result).includes('--- stderr'));
    });

    test('argv, env, stdin and cwd reach the program', async (t) => {
      const client = await open(t);
      await client.run({ command: 'mkdir below' });
      const result = await client.run({
        argv: ['sh', '-c', 'cat; echo "$WORD $1 $PWD"', 'sh', 'two  words'],
        env: { WORD: 'said' },
        stdin: 'from stdin\n',
        cwd: 'below',
      });
      assert.equal(
        result.structuredContent.stdout,
        `from stdin\nsaid two  words ${client.workspace}/below\n`,
      );
    });

    test('stdin is at end of file unless it is given', async (t) => {
      const client = await open(t);
      const result = await client.run({ command: 'cat; read x || echo nothing', timeout_ms: 10000 });
      assert.equal(result.structuredContent.stdout, 'nothing\n');
    });

    test('output that is not UTF-8 arrives repaired', async (t) => {
      const client = await open(t);
      const result = await client.run({ command: "printf 'a\\377b\\303\\251'" });
      assert.equal(result.structuredContent.stdout, 'a\uFFFDb\u00E9');
    });

    test('a timeout ends the command, and the receipt says so', async (t) => {
      const client = await open(t);
      const result = await client.run({ command: 'echo begun; sleep 60', timeout_ms: 2000 });
      assert.ok(!result.isError);
      assert.equal(result.structuredContent.ended_by, 'timeout');
      assert.equal(result.structuredContent.status, 'killed');
      assert.equal(result.structuredContent.stdout, 'begun\n');
      assert.ok(result.structuredContent.usage.wall_ms < 60000);
    });

    test('a program that dies by a signal is named so', async (t) => {
      const client = await open(t);
      const receipt = (await client.run({ command: 'kill -SEGV $$' })).structuredContent;
      assert.equal(receipt.ended_by, 'signal');
      assert.match(String(receipt.signal), /SEGV|^11$/);
      assert.equal(receipt.exit_code, undefined);
    });

    test('long output is cut in the middle, and the receipt says how much there was', async (t) => {
      const client = await open(t);
      const result = await client.run({ command: 'seq 100000', max_output_chars: 1000 });
      const receipt = result.structuredContent;
      assert.equal(receipt.truncated, true);
      assert.equal(receipt.stdout_bytes, 588895);
      assert.ok(receipt.stdout.length < 2000);
      assert.ok(receipt.stdout.startsWith('1\n2\n'));
      assert.ok(receipt.stdout.endsWith('99999\n100000\n'));
    });

    test('what was cut is read whole through its link, a page at a time', async (t) => {
      const client = await open(t);
      const result = await client.run({ command: "seq 200000 | sed 's/$/ \u00E9\u20AC/' | tee all.txt" });
      const links = result.content.filter((block) => block.type === 'resource_link');
      assert.equal(links.length, 1, JSON.stringify(result.content.slice(1)));
      const real = readFileSync(join(client.workspace, 'all.txt'));
      assert.equal(links[0].size, real.length);
      assert.equal(links[0].mimeType, 'text/plain');
      const read = await readWhole(client, links[0].uri);
      assert.ok(read.pages > 1);
      assert.equal(digest(read.bytes), digest(real));
      assert.equal(digest((await readWhole(client, links[0].uri, 99999)).bytes), digest(real));
    });

    test('bytes that are no text are read as they are', async (t) => {
      const client = await open(t);
      const result = await client.run({
        command: 'head -c 100000 /dev/urandom | tee err.bin >&2',
        max_output_chars: 100,
      });
      const link = result.content.find((block) => block.type === 'resource_link');
      assert.match(link.uri, /^mayfly:\/\/jobs\/j_[a-z2-7]{26}\/stderr$/);
      const read = await readWhole(client, link.uri, 30000);
      assert.equal(digest(read.bytes), digest(readFileSync(join(client.workspace, 'err.bin'))));
    });

    test('the output of jobs is listed, and other URIs by their template', async (t) => {
      const client = await open(t);
      const outputs = async () =>
        (await client.listResources()).filter(({ uri }) => uri.startsWith('mayfly://jobs/'));
      assert.deepEqual(await outputs(), []);
      const templates = (await client.listResourceTemplates()).map((each) => each.uriTemplate);
      assert.ok(templates.includes('mayfly://jobs/{job_id}/{stream}{?offset,length}'));
      assert.ok(templates.includes('mayfly://calls/{call_id}'));
      const result = await client.run({ command: 'echo heard; sleep 300', background: true });
      const listed = await eventually('the job is listed', async () => {
        const all = await outputs();
        return all.length > 0 && all;
      });
      const id = result.structuredContent.job_id;
      assert.equal(listed[0].uri, `mayfly://jobs/${id}/stdout`);
      await eventually('it is heard', async () => {
        const [page] = await client.readResource(listed[0].uri);
        assert.notEqual(page._meta['dev.mayfly/range'].next_offset, undefined);
        return page.text === 'heard\n';
      });
    });

    test('a receipt is read by the id of its call', async (t) => {
      const client = await open(t);
      const result = await client.run({ command: 'exit 7' });
      const receipt = result._meta['dev.mayfly/receipt'];
      const [page] = await client.readResource(`mayfly://calls/${receipt.call_id}`);
      assert.equal(page.mimeType, 'application/json');
      assert.deepEqual(JSON.parse(page.text), receipt);
    });

    for (const uri of ['mayfly://jobs/j_nobody/stdout', 'file:///etc/passwd', 'mayfly://jobs/../x']) {
      test(`there is no resource ${uri}, and the error names it`, async (t) => {
        const client = await open(t);
        await assert.rejects(client.readResource(uri), (error) => {
          // Before 2026-07-28 the server says -32002, which SDK v2 shows as -32602.
          assert.ok([-32602, -32002].includes(error.code), String(error));
          assert.equal(error.data.uri, uri);
          return true;
        });
      });
    }

    test('who subscribed is told of a denial and reads it, until it is enough', async (t) => {
      const client = await open(t);
      const listed = (await client.listResources()).map(({ uri }) => uri);
      assert.deepEqual(listed, ['mayfly://violations']);
      const told = [];
      const enough = await client.subscribe('mayfly://violations', (uri) => told.push(uri));
      await client.run({ command: 'true' });
      assert.deepEqual(told, []);
      const result = await client.run({ command: 'unshare -U true' });
      await eventually('the update comes', () => told.length > 0);
      assert.deepEqual(told, ['mayfly://violations']);
      const { call_id: id } = result._meta['dev.mayfly/receipt'];
      const [json, text] = await client.readResource('mayfly://violations');
      const all = JSON.parse(json.text);
      assert.equal(all.total, 1);
      assert.equal(all.violations[0].call_id, id);
      assert.equal(all.violations[0].operation, 'unshare');
      assert.match(text.text, new RegExp(`run_command ${id}: syscall unshare`));
      const [one] = await client.readResource(`mayfly://violations/${id}`);
      assert.deepEqual(JSON.parse(one.text).violations, all.violations);
      await enough();
      await client.run({ command: 'unshare -U true' });
      const third = await client.run({ command: 'unshare -U true' });
      assert.equal(told.length, 1);
      assert.equal(third.structuredContent.violations[0].repeated, 3);
      assert.match(textOf(third), /the 3rd call that meets this: rule default: .* will not change/);
      const info = (await client.call('sandbox_info', {})).structuredContent;
      assert.equal(info.violations_total, 3);
      assert.equal(info.recent_violations[0].calls, 3);
    });

    test('who subscribed to the output of a job is told when there is more', async (t) => {
      const client = await open(t);
      const started = await client.run({ command: 'read x; echo "heard $x"', background: true });
      const id = started.structuredContent.job_id;
      const told = [];
      await client.subscribe(`mayfly://jobs/${id}/stdout`, (uri) => told.push(uri));
      await client.call('send_input', { job_id: id, text: 'you\n' });
      await eventually('the update comes', () => told.length > 0);
      assert.equal(told[0], `mayfly://jobs/${id}/stdout`);
      await eventually('it is there', async () => {
        const [page] = await client.readResource(told[0]);
        return page.text === 'heard you\n';
      });
    });

    test('what is not there cannot be subscribed to', async (t) => {
      const client = await open(t);
      for (const uri of ['mayfly://jobs/j_nobody/stdout', 'file:///etc/passwd', 'mayfly://violations/']) {
        await assert.rejects(client.subscribe(uri, () => {}), new RegExp('no such|-32002|-32602|honoured'));
      }
    });

    test('two calls run at the same time', async (t) => {
      const client = await open(t);
      // Each waits for the other's file: run one after the other, both would end by their timeout.
      const meet = (mine, other) =>
        client.run({
          command: `touch ${mine}; until [ -e ${other} ]; do sleep 0.01; done; echo met`,
          timeout_ms: 20000,
        });
      const results = await Promise.all([meet('a', 'b'), meet('b', 'a')]);
      assert.deepEqual(results.map((result) => result.structuredContent.stdout), ['met\n', 'met\n']);
    });

    test('cancelling a call kills its processes', async (t) => {
      const client = await open(t);
      const marker = newMarker(t);
      const cancel = new AbortController();
      const call = client.run({ command: `sleep 300; : ${marker}` }, { signal: cancel.signal });
      call.catch(() => {});
      await eventually('the command runs', () => processesWith(marker).length > 0);
      cancel.abort('enough');
      await assert.rejects(call);
      await eventually('its processes are gone', () => processesWith(marker).length === 0);
      const after = await client.run({ command: 'echo well' });
      assert.equal(after.structuredContent.stdout, 'well\n');
    });

    test('a long call sends progress that grows', async (t) => {
      const client = await open(t);
      const seen = [];
      const result = await client.run(
        { command: 'until [ -e enough ]; do sleep 0.05; done; echo done', timeout_ms: 40000 },
        {
          onprogress: (progress) => {
            seen.push(progress.progress);
            if (seen.length === 2) writeFileSync(join(client.workspace, 'enough'), '');
          },
        },
      );
      assert.equal(result.structuredContent.stdout, 'done\n');
      assert.ok(seen.length >= 2);
      assert.ok(seen.every((value, i) => i === 0 || value > seen[i - 1]), String(seen));
    });

    test('an unknown tool is a protocol error', async (t) => {
      const client = await open(t);
      await assert.rejects(client.call('run_comand', {}), (error) => {
        assert.equal(error.code, -32602);
        assert.match(error.message, /run_comand/);
        return true;
      });
    });

    for (const [title, args, expected] of [
      ['a wrong type', { command: 'true', timeout_ms: 'soon' }, /timeout_ms/],
      ['an unknown argument', { command: 'true', timeout: 5 }, /timeout.*timeout_ms/s],
      ['neither command nor argv', {}, /command/],
      ['a profile that is not offered', { command: 'true', profile: 'nosuch' }, /E\d{4} profile "nosuch"/],
      ['a working directory that is not there', { command: 'true', cwd: 'nowhere' }, /nowhere/],
      ['a wider limit', { command: 'true', timeout_ms: 999999999 }, /timeout_ms|wall/],
    ]) {
      test(`${title} is refused by name, and nothing runs`, async (t) => {
        const client = await open(t, ['--profile', 'default,readonly']);
        const result = await client.run({ ...args, ...(args.command && { command: 'touch ran' }) });
        assert.equal(result.isError, true, JSON.stringify(result));
        assert.equal(result.structuredContent, undefined);
        assert.match(textOf(result), expected);
        assert.match(textOf(result), /E\d{4}/);
        assert.deepEqual(readdirSync(client.workspace), []);
      });
    }

    test('the model may choose among the profiles that the operator names', async (t) => {
      const client = await open(t, ['--profile', 'default,readonly']);
      const result = await client.run({ command: 'touch x', profile: 'readonly' });
      assert.notEqual(result.structuredContent.exit_code, 0);
      assert.match(result.structuredContent.sandbox, /^readonly:/);
      assert.deepEqual(readdirSync(client.workspace), []);
    });

    test('a program that does not exist is an error of the call', async (t) => {
      const client = await open(t);
      const result = await client.run({ argv: ['no-such-program-anywhere'] });
      assert.equal(result.isError, true, JSON.stringify(result));
      assert.match(textOf(result), /E3001.*no-such-program-anywhere/s);
    });

    for (const [title, args, expected] of [
      ['a workspace that is missing', ['serve', '--workspace', '/nowhere/at/all'], /E1003.*\/nowhere\/at\/all/s],
      ['a workspace that is refused', ['serve', '--workspace', '/etc'], /E1004.*\/etc/s],
      ['an unknown profile', ['serve', '--profile', 'nosuch'], /E1002.*nosuch/s],
      ['an unknown option', ['serve', '--no-such-option'], /no-such-option/],
    ]) {
      test(`started with ${title}, the server answers and every call says so`, async (t) => {
        const client = await connect(t, args);
        assert.ok((await client.listTools()).length > 0);
        for (let i = 0; i < 2; ++i) {
          const result = await client.call('run_command', { command: 'true' });
          assert.equal(result.isError, true, JSON.stringify(result));
          assert.match(textOf(result), expected);
        }
      });
    }
  });
}
