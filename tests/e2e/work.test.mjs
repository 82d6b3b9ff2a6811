// Real work as an agent does it, with the tools alone: clone, look around, find what fails, mend it,
// run the tests, commit; serve as a job and fetch; read a long log to its end.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { sdkV1, sdkV2Auto } from './sdk_clients.mjs';
import { temporaryDirectory, textOf } from './support.mjs';

const author = {
  GIT_AUTHOR_NAME: 'Ada', GIT_AUTHOR_EMAIL: 'ada@example.org',
  GIT_COMMITTER_NAME: 'Ada', GIT_COMMITTER_EMAIL: 'ada@example.org',
};

// Each has one mistake, one test that finds it, and the edit that mends it.
const projects = [
  {
    language: 'C++',
    test: 'make -s test',
    files: {
      'Makefile': 'test: check\n\t./check\ncheck: src/interval.cc tests/check.cc\n\t$(CXX) -std=c++17 -Isrc -o $@ $^\n.PHONY: test\n',
      'src/interval.h': '#pragma once\nbool overlaps(int a, int b, int c, int d);\n',
      'src/interval.cc': '#include "interval.h"\n\n// Half-open intervals [a, b) and [c, d).\nbool overlaps(int a, int b, int c, int d) {\n  return a <= d && c <= b;\n}\n',
      'tests/check.cc': '#include <cstdio>\n#include "interval.h"\nint main() {\n  if (overlaps(0, 5, 5, 9)) {\n    std::puts("FAILED: overlaps(0, 5, 5, 9) is true");\n    return 1;\n  }\n  return overlaps(0, 5, 4, 9) ? 0 : 1;\n}\n',
    },
    failure: 'overlaps(0, 5, 5, 9)',
    search: 'bool overlaps\\(.*\\{',
    found: 'src/interval.cc',
    edit: { old: 'return a <= d && c <= b;', new: 'return a < d && c < b;' },
  },
  {
    language: 'Python',
    test: 'python3 -m unittest -q',
    files: {
      'shop/__init__.py': '',
      'shop/price.py': 'def total(items, discount=0):\n    """The sum of the prices, less discount in percent."""\n    whole = sum(price * count for price, count in items)\n    return whole - whole * discount\n',
      'test_price.py': 'import unittest\nfrom shop.price import total\n\n\nclass Total(unittest.TestCase):\n    def test_discount_is_in_percent(self):\n        self.assertEqual(total([(100, 2)], 10), 180)\n',
    },
    failure: '-1800 != 180',
    search: 'discount',
    found: 'shop/price.py',
    edit: { old: '    return whole - whole * discount', new: '    return whole - whole * discount / 100' },
  },
  {
    language: 'Node',
    test: 'node --test',
    files: {
      'package.json': '{"name": "words", "version": "1.0.0", "scripts": {"test": "node --test"}}\n',
      'lib/words.js': "exports.title = (text) =>\n  text.split(' ').map((word) => word[0].toUpperCase() + word.slice(1)).join(' ');\n",
      'words.test.js': "const test = require('node:test');\nconst assert = require('node:assert');\nconst { title } = require('./lib/words');\ntest('two blanks are kept', () => assert.strictEqual(title('a  bee'), 'A  Bee'));\n",
    },
    failure: 'toUpperCase',
    search: 'exports\\.title',
    found: 'lib/words.js',
    edit: { old: 'word[0].toUpperCase() + word.slice(1)', new: "word && word[0].toUpperCase() + word.slice(1)" },
  },
];

function makeOrigin(directory, files) {
  const source = join(directory, 'source');
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(source, name)), { recursive: true });
    writeFileSync(join(source, name), content);
  }
  const git = (...args) =>
    execFileSync('git', ['-C', source, ...args], { env: { ...process.env, ...author }, stdio: 'pipe' });
  git('init', '-q', '-b', 'main');
  git('add', '-A');
  git('commit', '-qm', 'with a mistake');
  execFileSync('git', ['clone', '-q', '--bare', source, join(directory, 'origin.git')]);
}

for (const sdk of [sdkV1, sdkV2Auto]) {
  async function open(t, more = []) {
    const workspace = temporaryDirectory(t);
    const client = await sdk.connect(t, ['serve', '--workspace', workspace, ...more]);
    async function tool(name, args) {
      const result = await client.call(name, args);
      assert.ok(!result.isError, `${name}: ${textOf(result)}`);
      return result;
    }
    return {
      client,
      workspace,
      tool,
      text: async (name, args) => textOf(await tool(name, args)),
      run: async (command, more) => (await tool('run_command', { command, ...more })).structuredContent,
    };
  }

  describe(`real work, ${sdk.name}`, { concurrency: false }, () => {
    for (const project of projects) {
      test(`a failing test of a ${project.language} project is found, mended and committed`, async (t) => {
        const agent = await open(t);
        makeOrigin(agent.workspace, project.files);
        const cwd = 'work';
        assert.equal((await agent.run('git clone -q origin.git work')).exit_code, 0);

        const tree = await agent.text('list_directory', { path: 'work', depth: 3 });
        for (const name of Object.keys(project.files)) assert.ok(tree.includes(name.split('/').at(-1)), tree);

        const failing = await agent.run(project.test, { cwd });
        assert.notEqual(failing.exit_code, 0);
        assert.ok((failing.stdout + (failing.stderr ?? '')).includes(project.failure), JSON.stringify(failing));

        const hits = await agent.text('search_files', { pattern: project.search, path: 'work' });
        assert.ok(hits.includes(project.found), hits);
        const path = `work/${project.found}`;
        const source = await agent.text('read_file', { path, line_numbers: true });
        assert.ok(source.includes(project.edit.old.trim().split('\n')[0]), source);

        const preview = await agent.text('edit_file', { path, edits: [project.edit], dry_run: true });
        assert.match(preview, /^@@ /m);
        assert.equal(readFileSync(join(agent.workspace, path), 'utf8'), project.files[project.found]);
        await agent.tool('edit_file', { path, edits: [project.edit] });

        const passing = await agent.run(project.test, { cwd });
        assert.equal(passing.exit_code, 0, JSON.stringify(passing));
        await agent.tool('write_file', { path: 'work/CHANGES.md', content: '- mended\n' });
        const committed = await agent.run('git add -A . && git commit -qm mended && git push -q origin main', {
          cwd,
          env: author,
        });
        assert.equal(committed.exit_code, 0, JSON.stringify(committed));
        assert.equal(committed.violations, undefined);
        const log = execFileSync('git', ['-C', join(agent.workspace, 'origin.git'), 'log', '-1', '--format=%s', '-p'], {
          env: { ...process.env, GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: '*' },
        }).toString();
        assert.match(log, /^mended$/m);
        assert.ok(log.includes(`+${project.edit.new.split('\n')[0]}`) || log.includes(project.edit.new), log);
      });
    }

    test('a web server runs as a job, and later calls fetch from it until it is stopped', async (t) => {
      const agent = await open(t, ['--publish', '8765']);
      writeFileSync(join(agent.workspace, 'page.html'), '<h1>from the job</h1>\n');
      const { job_id } = await agent.run('exec python3 -u -m http.server 8765 --bind 127.0.0.1', { background: true });
      const up = (await agent.tool('get_job', { job_id, pattern: 'Serving HTTP', wait_ms: 30000 })).structuredContent;
      assert.equal(up.status, 'running');
      const fetch = `python3 -c "import urllib.request as u; print(u.urlopen('http://localhost:8765/page.html').read().decode())"`;
      for (let n = 0; n < 2; n += 1) {
        const page = await agent.run(fetch);
        assert.match(page.stdout, /from the job/, JSON.stringify(page));
      }
      await agent.tool('stop_job', { job_id });
      const gone = await agent.run(fetch);
      assert.match(gone.stderr, /refused/i);
    });

    test('a long build log is read to its end, page by page and as a resource', async (t) => {
      const agent = await open(t);
      const command = 'for n in $(seq 20000); do echo "[$n/20000] compiling src/part_$n.cc"; done';
      const whole = `${Array.from({ length: 20000 }, (_, n) => `[${n + 1}/20000] compiling src/part_${n + 1}.cc`).join('\n')}\n`;
      const result = await agent.tool('run_command', { command });
      const built = result.structuredContent;
      assert.ok(built.truncated && built.job_id, JSON.stringify(built).slice(0, 300));
      assert.equal(built.stdout_bytes, Buffer.byteLength(whole));
      assert.ok(built.stdout.startsWith('[1/20000]') && built.stdout.endsWith('part_20000.cc\n'));
      let log = '';
      for (let offset = 0; offset < built.stdout_bytes; ) {
        const page = (await agent.tool('get_job', { job_id: built.job_id, offset, stream: 'stdout' })).structuredContent;
        log += page.stdout;
        assert.ok(!page.truncated || page.next_offset > offset, JSON.stringify(page).slice(0, 300));
        offset = page.truncated ? page.next_offset : built.stdout_bytes;
      }
      assert.equal(log, whole);
      const link = result.content.find((block) => block.type === 'resource_link');
      assert.ok(link, 'no link to the whole output');
      const [page] = await agent.client.readResource(link.uri);
      const digest = (text) => createHash('sha256').update(text).digest('hex');
      assert.equal(digest(page.text), digest(whole));
    });

    test('an image that a command drew is seen', async (t) => {
      const agent = await open(t);
      const png =
        'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
      await agent.run(`echo ${png} | base64 -d > dot.png`);
      const seen = await agent.tool('read_file', { path: 'dot.png' });
      const image = seen.content.find((block) => block.type === 'image');
      assert.equal(image?.mimeType, 'image/png');
      assert.equal(image.data, png);
      assert.equal(seen.structuredContent, undefined);
    });

    test('cd and export last from call to call by a handle', async (t) => {
      const agent = await open(t);
      mkdirSync(join(agent.workspace, 'deep'));
      const first = await agent.run('cd deep && export COLOUR=green', { shell_state: 'new' });
      assert.ok(first.shell_state, JSON.stringify(first));
      const second = await agent.run('echo "$PWD $COLOUR"', { shell_state: first.shell_state });
      assert.equal(second.stdout, `${agent.workspace}/deep green\n`);
      const fresh = await agent.run('echo "$PWD $COLOUR"');
      assert.equal(fresh.stdout, `${agent.workspace} \n`);
    });
  });
}
