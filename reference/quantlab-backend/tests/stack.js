'use strict';
// A whole stack on loopback for a test: a real S3 server, every service on a free port, one folder for
// all that they write. Only processes that were started here are ended, each by its own handle.

const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { spawn, spawnSync } = require('node:child_process');
const { json, open, text } = require('../core/lib/http');
const { S3 } = require('../core/lib/s3');
const { sleep } = require('../core/lib/time');

const ROOT = path.join(__dirname, '..');
const PYTHON = process.env.PYTHON || 'python3';
const RCLONE = process.env.RCLONE_BIN || 'rclone';

const node = (file) => [process.execPath, path.join(ROOT, file)];
const COMMANDS = {
  replayd: node('core/replay/server.js'),
  collector: [PYTHON, path.join(ROOT, 'collector/collector.py')],
  featurexd: node('services/featurexd/server.js'),
  labeld: node('services/labeld/server.js'),
  strategyd: node('services/strategyd/server.js'),
  backtestd: node('services/backtestd/server.js'),
  worker: node('core/job-worker/worker.js'),
  observer: node('core/observer/observer.js'),
  api: node('core/observer-api/server.js'),
  console: node('core/console-ui/server.js'),
};
const WITHOUT_PORT = ['worker', 'observer'];

/** Asks until the answer is true, and fails with the last thing heard when it takes too long. */
async function until(what, ask, ms = 30_000, detail = () => '') {
  const end = Date.now() + ms;
  let last;
  for (;;) {
    try {
      last = await ask();
      if (last) return last;
    } catch (error) {
      last = error.message;
    }
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what} (last: ${JSON.stringify(last)}) ${detail()}`);
    await sleep(20);
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

class Stack {
  /** seed: arguments of tools/seed.py; none, no days. */
  static async create(settings = {}, seed = null) {
    const stack = new Stack();
    stack.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'quantlab-'));
    for (const name of ['s3/compact', 's3/archive', 'runs', 'queue', 'spool']) fs.mkdirSync(path.join(stack.dir, name), { recursive: true });
    stack.children = new Map();
    stack.ports = {};
    for (const name of ['s3', ...Object.keys(COMMANDS)]) stack.ports[name] = await freePort();
    stack.env = { ...stack.settings(), ...settings };
    stack.s3 = new S3({ endpoint: stack.url('s3'), bucket: 'compact', accessKeyId: 'key', secretAccessKey: 'secret', region: 'us-east-1' });
    if (seed) stack.seed(...seed); // before S3 starts, which would not notice files that are put below it
    await stack.startS3();
    return stack;
  }

  seed(...args) {
    const { status, stdout, stderr } = spawnSync(PYTHON, [path.join(ROOT, 'tools/seed.py'), path.join(this.dir, 's3/compact'), ...args], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`seed.py: ${stderr}`);
    return stdout;
  }

  url(name) {
    return `http://127.0.0.1:${this.ports[name]}`;
  }

  settings() {
    return {
      PATH: process.env.PATH, LISTEN: '127.0.0.1',
      S3_COMPACT_BUCKET: 'compact', S3_COMPACT_ENDPOINT: this.url('s3'), AWS_ACCESS_KEY_ID: 'key', AWS_SECRET_ACCESS_KEY: 'secret',
      RUN_ARCHIVE_ENABLED: 'true', RUN_ARCHIVE_S3_BUCKET: 'archive',
      REPLAYD_URL: this.url('replayd'), REPLAYD_TOKEN: 'replay-token', STRATEGYD_URL: this.url('strategyd'), STRATEGYD_TOKEN: 'strategy-token',
      FEATUREXD_URL: this.url('featurexd'), LABELD_URL: this.url('labeld'), BACKTESTD_URL: this.url('backtestd'),
      COLLECTOR_URL: this.url('collector'), OBSERVER_API_URL: this.url('api'),
      RUNS_DIR: path.join(this.dir, 'runs'), QUEUE_DIR: path.join(this.dir, 'queue'), SPOOL_DIR: path.join(this.dir, 'spool'),
      LOG_FILE: path.join(this.dir, 'server.log'), FEED_URL: 'sim://market?seed=7&rate=20',
      SEGMENT_SECONDS: '0.5', FOLLOW_POLL_MS: '200', S3_CHECK_MS: '500', LABEL_HORIZON_MS: '500', OBSERVE_MS: '200', RUN_STALL_MS: '1500', REFRESH_MS: '200',
    };
  }

  async startS3() {
    const args = ['serve', 's3', path.join(this.dir, 's3'), '--addr', `127.0.0.1:${this.ports.s3}`];
    const entry = this.#spawn('s3', [RCLONE, ...args], { PATH: process.env.PATH, HOME: this.dir, RCLONE_AUTH_KEY: '"key,secret"' });
    await until('S3 answers', async () => { await this.s3.check(); return true; }, 30_000, () => entry.output);
  }

  #spawn(name, [command, ...args], env) {
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const entry = { child, output: '', ended: new Promise((resolve) => { child.on('close', resolve); }) };
    child.on('error', (error) => { entry.output += `${command}: ${error.message}\n`; });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => { entry.output += chunk; });
    this.children.set(name, entry);
    return entry;
  }

  /** Starts a service and waits until it is healthy. */
  async start(name, env = {}) {
    const entry = this.launch(name, env);
    if (!WITHOUT_PORT.includes(name)) await until(`${name} is healthy`, () => this.healthy(name), 30_000, () => entry.output);
    return entry;
  }

  launch(name, env = {}) {
    return this.#spawn(name, COMMANDS[name], { ...this.env, PORT: String(this.ports[name]), ...env });
  }

  async healthy(name) {
    if (name === 'console') return (await text(await open(`${this.url(name)}/`))).includes('QuantLab');
    const path = name === 'api' ? '/ping' : '/health';
    return (await json(`${this.url(name)}${path}`, { token: this.env.STRATEGYD_TOKEN, timeout: 2000 })).status === 'ok';
  }

  async startAll(names = Object.keys(COMMANDS)) {
    for (const name of names) await this.start(name);
  }

  output(name) {
    return this.children.get(name).output;
  }

  /** Returns the exit code, or null after a kill, and how long the end took. */
  async stop(name, signal = 'SIGTERM') {
    const { child, ended } = this.children.get(name);
    const began = Date.now();
    child.kill(signal);
    await ended;
    this.children.delete(name);
    return { code: child.exitCode, ms: Date.now() - began };
  }

  async down() {
    await Promise.all([...this.children.keys()].map((name) => this.stop(name, 'SIGKILL')));
    fs.rmSync(this.dir, { recursive: true });
  }
}

module.exports = { Stack, COMMANDS, ROOT, WITHOUT_PORT, until };
