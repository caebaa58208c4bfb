'use strict';
// Runs and jobs outlive those who carry them out; the observer tells what is going on; the training job.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { json, open } = require('../core/lib/http');
const { Runs, readJson } = require('../core/lib/runs');
const { Stack, ROOT, until } = require('./stack');

const token = 'strategy-token';
let stack;

const script = (file, args, env = {}) => spawnSync(process.execPath, [path.join(ROOT, file), ...args], { env: { ...stack.env, ...env }, encoding: 'utf8', timeout: 60_000 });

test.before(async () => {
  stack = await Stack.create({ LABEL_HORIZON_MS: '5000' }, ['--days', '2']); // the seed has an update a second
  await stack.startAll(['replayd', 'featurexd', 'labeld', 'strategyd', 'backtestd', 'observer', 'api', 'worker']);
});
test.after(() => stack.down());

const create = (body) => json(`${stack.url('strategyd')}/runs`, { method: 'POST', token, body: { symbol: 'btcusdt', date: '20260115', ...body } });
const run = (id) => json(`${stack.url('api')}/api/runs/${id}`);
const ended = (id, status) => until(`${id} is ${status}`, async () => { const r = await run(id); return r.status === status && r; });
const enqueue = (...args) => script('core/job-worker/enqueue.js', args).stdout.trim();
const job = (id, state) => until(`${id} is ${state}`, () => readJson(path.join(stack.dir, 'queue', state, `${id}.json`)));

test('the seed is the same each time', async () => {
  const { keys } = await stack.s3.list('exchange=');
  assert.equal(keys.length, 2 * 2 * 24);
  const body = () => fs.readFileSync(path.join(stack.dir, 's3/compact', keys[0]));
  const before = body();
  fs.rmSync(path.join(stack.dir, 's3/compact', path.dirname(keys[0])), { recursive: true });
  assert.match(stack.seed('--days', '2'), /^btcusdt 20260115: 86400 updates written\n(\w+ \d{8}: is there already\n){3}$/);
  assert.ok(body().equals(before));
  assert.throws(() => stack.seed('--from', '20260230'), /--from must be a day/);
});

test('a run that strategyd was killed in is done by the next one, with the same result', { timeout: 60_000 }, async () => {
  const undisturbed = await ended((await create({})).id, 'finished');
  const { id } = await create({ speed: 40_000 }); // a day in two seconds
  await until('it is on its way', async () => (await run(id)).result?.updates > 100);
  await stack.stop('strategyd', 'SIGKILL');
  await stack.start('strategyd');
  const again = await ended(id, 'finished');
  assert.equal(again.attempts, 2);
  assert.deepEqual(again.result, undisturbed.result);
  assert.equal(again.result.updates, 86_400);
});

test('a run without data fails and says why; a wrong request is refused', async () => {
  const { id } = await create({ date: '20200101' });
  assert.match((await ended(id, 'failed')).error, /404: there is no data of btcusdt on 20200101/);
  await assert.rejects(create({ strategy: 'luck' }), /400: strategy must be one of momentum, reversion/);
  await assert.rejects(create({ params: { window: 'x' }, symbol: '../x' }), /400: symbol .*; params must be numbers/);
});

test('a trial reads what came since, is never archived, and goes when it is old', async () => {
  const since = Date.parse('2026-01-15T23:59:00Z');
  const trial = { symbol: 'btcusdt', from: '20260115', to: '20260115', since, trial: true };
  const begin = () => json(`${stack.url('backtestd')}/backtests`, { method: 'POST', body: trial });
  const [old, kept] = [await begin(), await begin()].map(({ runs }) => runs[0].run);
  assert.equal((await ended(old, 'finished')).result.updates, 60);
  await ended(kept, 'finished');
  const later = await create({ date: '20260116' });
  await until('the observer has been there', async () => (await run(later.id)).archived_as);
  assert.equal((await run(kept)).archived_as, null);
  const runs = new Runs(stack.env.RUNS_DIR);
  runs.write({ ...readJson(runs.file(old)), finished_at: new Date(Date.now() - 3_600_000).toISOString() });
  await begin();
  assert.equal(runs.get(old), null);
  assert.ok(runs.get(kept));
  await assert.rejects(create({ trial: 'yes' }), /400: trial must be true or false/);
  await assert.rejects(create({ since: 'noon' }), /400: since must be a time in ms/);
});

test('a run that interrupts strategyd again and again is given up', async () => {
  await stack.stop('strategyd');
  const poison = { id: 'run-poison', symbol: 'btcusdt', date: '20260115', strategy: 'momentum', params: {}, speed: 0, status: 'running', attempts: 3 };
  new Runs(stack.env.RUNS_DIR).write(poison);
  await stack.start('strategyd');
  assert.equal((await ended('run-poison', 'failed')).error, 'interrupted 3 times');
});

test('a backtest is the sum of its days', { timeout: 60_000 }, async () => {
  const { id } = await json(`${stack.url('backtestd')}/backtests`, { method: 'POST', body: { symbol: 'ethusdt', strategy: 'reversion', from: '20260115', to: '20260117' } });
  const done = await until('it is done', async () => { const b = await json(`${stack.url('backtestd')}/backtests/${id}`); return b.status !== 'running' && b; }, 20_000);
  assert.deepEqual(done.dates.map(({ date, status }) => [date, status]), [['20260115', 'finished'], ['20260116', 'finished'], ['20260117', 'failed']]);
  assert.equal(done.status, 'failed');
  assert.ok(Math.abs(done.pnl - done.dates[0].pnl - done.dates[1].pnl) < 1e-5);
  const refused = (body) => assert.rejects(json(`${stack.url('backtestd')}/backtests`, { method: 'POST', body: { symbol: 'ethusdt', ...body } }), { status: 400 });
  await refused({ from: '20260117', to: '20260115' });
  await refused({ from: '20200101', to: '20260115' });
});

test('a run that shows no life is marked, and no longer when it does', async () => {
  const runs = new Runs(stack.env.RUNS_DIR);
  const silent = { id: 'run-silent', status: 'running', symbol: 'btcusdt', date: '20260115', updated_at: new Date(Date.now() - 60_000).toISOString() };
  runs.write(silent);
  await ended('run-silent', 'stalled');
  assert.equal((await json(`${stack.url('api')}/api/runs?status=stalled`)).total, 1);
  runs.write({ ...silent, status: 'finished', updated_at: new Date().toISOString() });
  const { stalled_since } = await until('it is archived', async () => { const r = await run('run-silent'); return r.archived_as && r; });
  assert.equal(stalled_since, null);
});

test('the API filters and pages, and changes nothing', async () => {
  const list = (query) => json(`${stack.url('api')}/api/runs?${query}`);
  const all = await list('limit=500');
  assert.deepEqual((await list('limit=2&offset=1')).runs, all.runs.slice(1, 3));
  assert.ok((await list('symbol=ethusdt')).runs.every(({ symbol }) => symbol === 'ethusdt'));
  await assert.rejects(list('limit=-1'), { status: 400 });
  for (const method of ['POST', 'PUT', 'DELETE']) await assert.rejects(json(`${stack.url('api')}/api/runs`, { method }), { status: 405 });
  await assert.rejects(run('..%2f..%2fsecret'), { status: 404 });
  fs.renameSync(stack.env.LOG_FILE, `${stack.env.LOG_FILE}.1`);
  fs.mkdirSync(stack.env.LOG_FILE);
  await list('limit=1');
  await until('it says that it cannot write its log', () => /could not be copied: EISDIR/.test(stack.output('api')));
  assert.ok((await list('limit=1')).total > 0);
});

test('a job tries several windows and says which was best', { timeout: 60_000 }, async () => {
  const done = await job(enqueue('sweep', '{"symbol":"ethusdt","date":"20260116","windows":[50,400]}'), 'done');
  const { best, tries } = JSON.parse(done.output);
  assert.equal(tries.length, 2);
  assert.equal(best.pnl, Math.max(...tries.map(({ pnl }) => pnl)));
});

test('a job that takes too long, fails or does not exist is put among the failed, with the reason', { timeout: 60_000 }, async () => {
  assert.match((await job(enqueue('sweep', '{"symbol":"ethusdt","date":"20200101"}'), 'failed')).stderr, /there is no data/);
  assert.equal((await job(enqueue('nothing'), 'failed')).reason, 'there is no script nothing');
  assert.equal((await job(enqueue('../../replay/server'), 'failed')).reason, 'names no script');
  const file = path.join(stack.dir, 'queue', 'pending', 'job-slow.json');
  fs.writeFileSync(file, JSON.stringify({ script: 'sweep', args: { symbol: 'btcusdt', date: '20260115', speed: 1 }, timeout_ms: 300 }));
  assert.equal((await job('job-slow', 'failed')).reason, 'took longer than 300 ms');
  fs.writeFileSync(file, JSON.stringify({ script: 'sweep', memory_mb: 1 }));
  assert.match((await until('it is too large', async () => { const j = await job('job-slow', 'failed'); return j.memory_mb && j; })).reason, /was killed by SIG/);
});

test('a job goes on after a stop and after a kill of the worker', { timeout: 60_000 }, async () => {
  const args = JSON.stringify({ symbol: 'btcusdt', date: '20260116', speed: 60_000, windows: [50] });
  for (const [signal, attempts] of [['SIGTERM', 1], ['SIGKILL', 2]]) {
    const id = enqueue('sweep', args);
    await job(id, 'running');
    await stack.stop('worker', signal);
    await stack.start('worker');
    assert.equal((await job(id, 'done')).attempts, attempts, signal);
  }
});

test('training writes a model and its metrics; a dry run writes nothing', { timeout: 60_000 }, async () => {
  const train = (...args) => script('core/scheduler/run_daily_ml.js', ['--symbol', 'btcusdt', ...args]);
  const dry = train('--date', '20260115', '--dry-run');
  assert.equal(dry.status, 0, dry.stdout + dry.stderr);
  assert.deepEqual((await stack.s3.list('models/')).keys, []);
  const real = train('--date', '20260115');
  assert.equal(real.status, 0, real.stdout + real.stderr);
  assert.deepEqual((await stack.s3.list('models/')).keys.map((key) => key.split('date=')[1]), ['20260115/metrics.json', '20260115/model.json']);
  const metrics = JSON.parse(real.stdout);
  assert.ok(metrics.rows > 86_000 && metrics.r2 > 0, JSON.stringify(metrics));
  const none = train('--date', '20200101');
  assert.equal(none.status, 1);
  assert.match(none.stdout, /"level":"error".*there is no data/);
});

test('verify-credentials names the setting that is wrong', () => {
  const verify = (env) => script('core/replay/tools/verify-credentials.js', [], env);
  assert.equal(verify({}).status, 0);
  const cases = [
    [{ S3_COMPACT_ENDPOINT: 'http://127.0.0.1:1' }, /WRONG {2}endpoint .*S3_COMPACT_ENDPOINT/],
    [{ AWS_ACCESS_KEY_ID: 'x' }, /WRONG {2}credentials .*AWS_ACCESS_KEY_ID/],
    [{ AWS_SECRET_ACCESS_KEY: 'x' }, /WRONG {2}credentials .*AWS_SECRET_ACCESS_KEY/],
    [{ S3_COMPACT_BUCKET: 'x' }, /WRONG {2}bucket .*S3_COMPACT_BUCKET/],
    [{ S3_COMPACT_BUCKET: 'archive' }, /WRONG {2}prefix /],
  ];
  for (const [env, expected] of cases) {
    const { status, stdout } = verify(env);
    assert.equal(status, 1);
    assert.match(stdout, expected);
  }
});

test('runs wait for an archive that is away', { timeout: 60_000 }, async () => {
  const { id } = await create({});
  await ended(id, 'finished');
  const bucket = path.join(stack.dir, 's3', 'archive');
  await stack.stop('observer');
  fs.renameSync(bucket, `${bucket}-away`);
  await stack.stop('s3');
  const late = 'run-late';
  new Runs(stack.env.RUNS_DIR).write({ id: late, status: 'finished', date: '20260115', updated_at: new Date().toISOString() });
  await stack.start('observer');
  await until('the observer says so', () => stack.output('observer').includes('run archive: '));
  fs.renameSync(`${bucket}-away`, bucket);
  await stack.startS3();
  await until('it is archived', async () => (await run(late)).archived_as);
  await stack.stop('observer');
  await stack.start('observer', { RUN_ARCHIVE_ENABLED: 'false' });
  const runs = new Runs(stack.env.RUNS_DIR);
  const quiet = { status: 'finished', date: '20260115', updated_at: new Date(0).toISOString() };
  runs.write({ ...quiet, id: 'run-unwanted' });
  runs.write({ ...quiet, id: 'run-a-later-one', status: 'running' });
  await ended('run-a-later-one', 'stalled'); // so the observer has been there
  assert.equal((await run('run-unwanted')).archived_as, null);
});
