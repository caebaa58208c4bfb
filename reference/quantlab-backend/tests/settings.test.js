'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { parse } = require('../core/lib/settings');
const { COMMANDS, ROOT } = require('./stack');

const run = (command, env) => spawnSync(command[0], command.slice(1), { env: { PATH: process.env.PATH, ...env }, encoding: 'utf8', timeout: 10_000 });

const S3 = ['S3_COMPACT_BUCKET', 'S3_COMPACT_ENDPOINT', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];
const NEEDED = {
  replayd: ['LISTEN', 'PORT', ...S3, 'REPLAYD_TOKEN'],
  collector: ['LISTEN', 'PORT', 'SPOOL_DIR', ...S3],
  featurexd: ['LISTEN', 'PORT', 'REPLAYD_URL', 'REPLAYD_TOKEN'],
  labeld: ['LISTEN', 'PORT', 'FEATUREXD_URL'],
  strategyd: ['LISTEN', 'PORT', 'STRATEGYD_TOKEN', 'REPLAYD_URL', 'REPLAYD_TOKEN'],
  backtestd: ['LISTEN', 'PORT', 'STRATEGYD_URL', 'STRATEGYD_TOKEN'],
  worker: ['STRATEGYD_URL', 'STRATEGYD_TOKEN'],
  observer: [...S3, 'RUN_ARCHIVE_ENABLED', 'RUN_ARCHIVE_S3_BUCKET'],
  api: ['LISTEN', 'PORT'],
  console: ['LISTEN', 'PORT', 'OBSERVER_API_URL', 'COLLECTOR_URL'],
};

for (const [service, needed] of Object.entries(NEEDED)) {
  test(`${service} names all that is missing in one line, and exits with 78`, () => {
    const { status, stdout, stderr } = run(COMMANDS[service]);
    assert.equal(status, 78, stderr);
    assert.equal(stdout, '');
    assert.match(stderr, /^[\w-]+: cannot start: [^\n]+\n$/);
    const named = [...stderr.matchAll(/(\w+) is missing/g)].map((match) => match[1]);
    assert.deepEqual(named.sort(), [...needed].sort());
  });
}

test('a wrong value is named and never shown', () => {
  const env = { LISTEN: '127.0.0.1', PORT: 'hunter2', STRATEGYD_URL: 'hunter2', STRATEGYD_TOKEN: 't' };
  const { status, stderr } = run(COMMANDS.backtestd, env);
  assert.equal(status, 78);
  assert.equal(stderr, 'backtestd: cannot start: PORT is not a port; STRATEGYD_URL is not an http address\n');
});

test('the training job tells wrong arguments from wrong settings', () => {
  const job = (...args) => run([process.execPath, path.join(ROOT, 'core/scheduler/run_daily_ml.js'), ...args], {});
  assert.equal(job('--symbol', 'btcusdt', '--date', '20260230').status, 2);
  assert.equal(job('--symbol').status, 2);
  const { status, stderr } = job('--symbol', 'btcusdt', '--date', '20260115');
  assert.equal(status, 78);
  assert.match(stderr, /LABELD_URL is missing/);
});

test('a secret may be a credential of the unit or a file that is named', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'settings-'));
  const secret = `it's "so" \\ and\nso`;
  fs.writeFileSync(path.join(folder, 'TOKEN'), secret);
  const spec = { token: ['TOKEN', 'text'] };
  const named = { TOKEN_FILE: path.join(folder, 'TOKEN') };
  for (const env of [{ CREDENTIALS_DIRECTORY: folder }, named, { CREDENTIALS_DIRECTORY: '/nonexistent', ...named }]) {
    assert.deepEqual(parse(spec, env), { settings: { token: secret }, problems: [] });
  }
  assert.equal(parse(spec, { TOKEN: 'plain', CREDENTIALS_DIRECTORY: folder }).settings.token, 'plain');
  assert.deepEqual(parse(spec, { TOKEN_FILE: '/nonexistent' }).problems, ['TOKEN is missing']);
  fs.rmSync(folder, { recursive: true });
});
