// What the end-to-end tests share: where the server is, workspaces, and looking at the host from
// outside for processes that a call left behind.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

export const repository = resolve(import.meta.dirname, '../..');
export const mayfly = resolve(process.env.MAYFLY ?? join(repository, 'build/mayfly'));
assert.ok(existsSync(mayfly), `${mayfly} is not built; set MAYFLY or run make build`);

export const modernMeta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'mayfly-e2e', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

/** A directory that goes when the test ends. */
export function temporaryDirectory(t) {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'mayfly-e2e-')));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Waits until `condition` gives something, looking again and again; fails after `limit` ms. */
export async function eventually(what, condition, limit = 30000) {
  const deadline = Date.now() + limit;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) assert.fail(`${what}: not within ${limit} ms`);
    await new Promise((wake) => setTimeout(wake, 10));
  }
}

let markers = 0;
/** A word that no other process has on its command line. Who still has it at the end is killed. */
export function newMarker(t) {
  markers += 1;
  const marker = `mayfly-marker-${process.pid}-${markers}`;
  t.after(() => {
    for (const pid of processesWith(marker)) process.kill(Number(pid), 'SIGKILL');
  });
  return marker;
}

function processIds() {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
}

function readOrEmpty(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // the process is gone
  }
}

/** The processes of the host, sandboxes included, that have `marker` on their command line. */
export function processesWith(marker) {
  return processIds().filter((pid) => readOrEmpty(`/proc/${pid}/cmdline`).includes(marker));
}

/** Whether the process still is one: a zombie only waits for the machine's init to notice. */
export function isAlive(pid) {
  const state = /^State:\s+(\S)/m.exec(readOrEmpty(`/proc/${pid}/status`))?.[1];
  return state !== undefined && state !== 'Z';
}

/** All descendants of `pid`. */
export function descendants(pid) {
  const children = new Map();
  for (const id of processIds()) {
    const parent = /^PPid:\s+(\d+)/m.exec(readOrEmpty(`/proc/${id}/status`))?.[1];
    if (parent) children.set(parent, [...(children.get(parent) ?? []), id]);
  }
  const found = [];
  const queue = [String(pid)];
  while (queue.length > 0) {
    const next = children.get(queue.pop()) ?? [];
    found.push(...next);
    queue.push(...next);
  }
  return found;
}

/** The server with nothing between it and the test: bytes in, lines out. Each line must be JSON. */
export class RawServer {
  constructor(t, args, options = {}) {
    this.process = spawn(mayfly, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
    this.messages = [];
    this.notJson = [];
    this.stderr = '';
    this.waiting = new Map();
    this.lastId = 0;
    this.exited = new Promise((done) => {
      this.process.on('close', (code, signal) => {
        done({ code, signal });
        for (const waiter of this.waiting.values()) waiter.reject(new Error('the server ended'));
      });
    });
    this.process.stdin.on('error', () => {}); // it may have ended; `exited` tells
    this.process.stderr.on('data', (chunk) => (this.stderr += chunk));
    createInterface({ input: this.process.stdout }).on('line', (line) => this.read(line));
    t.after(async () => {
      this.process.kill('SIGKILL');
      await this.exited;
    });
  }

  read(line) {
    let message;
    try {
      message = JSON.parse(line);
    } catch {
      this.notJson.push(line);
      return;
    }
    this.messages.push(message);
    const waiter = this.waiting.get(message.id);
    this.waiting.delete(message.id);
    waiter?.resolve(message);
  }

  write(bytes) {
    this.process.stdin.write(bytes);
  }

  /** The whole answer, result or error. */
  request(method, params = {}, meta = modernMeta) {
    const id = ++this.lastId;
    const message = { jsonrpc: '2.0', id, method, params: meta ? { ...params, _meta: meta } : params };
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.write(`${JSON.stringify(message)}\n`);
    });
  }

  async call(tool, args, meta = modernMeta) {
    const answer = await this.request('tools/call', { name: tool, arguments: args }, meta);
    assert.ok(answer.result, JSON.stringify(answer));
    return answer.result;
  }

  run(command, more = {}) {
    return this.call('run_command', { command, ...more });
  }

  /** Fails unless the server still answers. */
  async mustBeWell() {
    const answer = await this.request('server/discover');
    assert.ok(answer.result?.supportedVersions.includes('2026-07-28'), JSON.stringify(answer));
    assert.deepEqual(this.notJson, []);
  }

  endOfInput() {
    this.process.stdin.end();
    return this.exited;
  }
}

/** A raw server on a workspace of its own. */
export function serve(t, more = [], options = {}) {
  const workspace = temporaryDirectory(t);
  const server = new RawServer(t, ['serve', '--workspace', workspace, ...more], options);
  return { server, workspace };
}

export function textOf(result) {
  return result.content.map((block) => block.text).join('\n');
}

/** Runs a program to its end. */
export function runProgram(command, args, options = {}) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.on('error', fail);
    child.on('close', (code) => done({ code, stdout, stderr }));
  });
}
