'use strict';
// The whole stack: what happens in the market must arrive at the page, and a part that is restarted or
// missing for a while must cost nothing but time.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { json, open } = require('../core/lib/http');
const { parse, subscribe } = require('../core/lib/sse-client');
const { dateOf, sleep } = require('../core/lib/time');
const { Stack, COMMANDS, WITHOUT_PORT, until } = require('./stack');

const NAMES = Object.keys(COMMANDS);
let stack;

test.before(async () => {
  stack = await Stack.create();
  await stack.startAll();
});
test.after(() => stack.down());

const health = async (name) => {
  const res = await open(`${stack.url(name)}/health`, { token: 'strategy-token' });
  return { code: res.statusCode, ...JSON.parse((await res.toArray()).join('')) };
};

/** The first live event that happened after now. */
async function fresh(name, now = Date.now()) {
  for await (const batch of subscribe(`${stack.url(name)}/stream?symbol=btcusdt`, { live: true })) {
    const found = batch.map(({ data }) => JSON.parse(data)).find(({ ts }) => ts >= now);
    if (found) return found;
  }
  return null;
}

/** The state that a page would draw, once it satisfies the question. */
async function pageState(question) {
  const res = await open(`${stack.url('console')}/live`);
  for await (const [event] of parse(res)) {
    const state = event && JSON.parse(event.data);
    if (state && question(state)) return state;
  }
  return null;
}

test('a fresh update becomes a feature, a label, a run, and a row on the page', { timeout: 60_000 }, async () => {
  const [feature, label] = await Promise.all([fresh('featurexd'), fresh('labeld')]);
  assert.ok(feature.spread > 0 && feature.volatility > 0, JSON.stringify(feature));
  assert.ok(Number.isFinite(label.forward_return) && label.horizon_ms === 500, JSON.stringify(label));
  const today = dateOf(Date.now());
  const asked = { symbol: 'btcusdt', from: today, to: today, params: { window: 20, threshold: 0.00001 } };
  const { id, runs: [{ run }] } = await json(`${stack.url('backtestd')}/backtests`, { method: 'POST', body: asked });
  const done = await until('the backtest is done', async () => {
    const backtest = await json(`${stack.url('backtestd')}/backtests/${id}`);
    return backtest.status !== 'running' && backtest;
  });
  assert.equal(done.status, 'finished', JSON.stringify(done));
  assert.equal(done.dates[0].run, run);
  const listed = await json(`${stack.url('api')}/api/runs?backtest=${id}`);
  assert.equal(listed.runs[0].id, run);
  assert.ok(listed.runs[0].result.updates > 20);
  const state = await pageState(({ runs }) => runs.runs.some((one) => one.id === run && one.status === 'finished'));
  assert.ok(state.services.every(({ ok }) => ok), JSON.stringify(state.services));
  assert.ok(state.collector.received > 0);
  const archived = await until('the run is archived', async () => (await json(`${stack.url('api')}/api/runs/${run}`)).archived_as);
  assert.ok(fs.existsSync(path.join(stack.dir, 's3', archived.replace('s3://', ''))));
});

test('a past day comes out as features and labels, whole and the same each time', { timeout: 60_000 }, async () => {
  const day = async (lastId) => {
    const found = [];
    for await (const batch of subscribe(`${stack.url('labeld')}/stream?symbol=ethusdt&date=${dateOf(Date.now())}`, { lastId })) {
      found.push(...batch.map(({ id, data }) => `${id} ${data}`));
    }
    return found;
  };
  let all = await day();
  while (all.length <= 20) { // how much has reached S3 depends on the machine; the test's own timeout bounds this
    await sleep(200);
    all = await day();
  }
  const half = Math.floor(all.length / 2);
  assert.deepEqual((await day(all[half - 1].split(' ')[0])).slice(0, all.length - half), all.slice(half));
  await assert.rejects(json(`${stack.url('labeld')}/stream?symbol=zzz&date=20200101`), { status: 404 });
});

test('without replayd its dependants say so, and with it they recover by themselves', { timeout: 60_000 }, async () => {
  await stack.stop('replayd');
  for (const name of ['featurexd', 'strategyd', 'backtestd']) {
    const state = await until(`${name} is unhealthy`, async () => { const s = await health(name); return s.code === 503 && s; });
    assert.match(state.reason, name === 'backtestd' ? /strategyd: answered 503: replayd/ : /replayd/);
  }
  await stack.start('replayd');
  for (const name of ['featurexd', 'strategyd', 'backtestd']) await until(`${name} is healthy`, () => stack.healthy(name));
  assert.ok(await fresh('labeld'));
  await stack.stop('featurexd', 'SIGKILL');
  await until('labeld is unhealthy', async () => (await health('labeld')).code === 503);
  await stack.start('featurexd');
  await until('labeld is healthy', () => stack.healthy('labeld'));
  assert.ok(await fresh('labeld'));
});

/** Requests that make no sense or stop half way, from a client that is gone then. */
const HEAD = '\r\nHost: x\r\nAuthorization: Bearer strategy-token\r\nContent-Length: 100\r\n';
const RUDE = [`GET /health HTTP/1.1${HEAD}`, `GET // HTTP/1.1${HEAD}\r\n`, ...['runs', 'backtests'].map((path) => `POST /${path} HTTP/1.1${HEAD}\r\n{`)];

async function beRude(name, request) {
  const socket = net.connect(stack.ports[name], '127.0.0.1');
  socket.on('error', () => {}); // being cut off is what it asks for
  socket.write(request);
  await sleep(50);
  socket.resetAndDestroy();
}

test('a client that is rude costs nobody anything', async () => {
  const names = NAMES.filter((name) => !WITHOUT_PORT.includes(name));
  await Promise.all(names.flatMap((name) => RUDE.map((request) => beRude(name, request))));
  for (const name of names) assert.ok(await stack.healthy(name), name);
  // That nothing worse than a warning was said of it is seen at the end.
});

test('strategyd answers to its token only, backtestd says when it has the wrong one', async () => {
  await assert.rejects(json(`${stack.url('strategyd')}/health`), { status: 401 });
  await stack.stop('backtestd');
  stack.launch('backtestd', { STRATEGYD_TOKEN: 'wrong' });
  const state = await until('an answer', () => health('backtestd'));
  assert.deepEqual([state.code, state.reason], [503, 'strategyd: answered 401: a valid bearer token is needed']);
});

test('the page shows what is missing instead of failing itself', { timeout: 60_000 }, async () => {
  await stack.stop('api');
  const state = await pageState(({ runs }) => runs.error);
  assert.deepEqual(state.services.filter(({ ok }) => !ok).map(({ name }) => name), ['backtestd', 'observer-api']);
  await stack.start('api');
});

test('all end within half a second, with nothing worse than a warning said and no secret told', async () => {
  await stack.stop('backtestd');
  await stack.start('backtestd');
  const lazy = await open(`${stack.url('console')}/live`);
  const log = fs.readFileSync(stack.env.LOG_FILE, 'utf8');
  assert.match(log, /"path":"\/api\/runs/);
  for (const name of [...NAMES].reverse()) {
    const output = stack.children.get(name);
    const { code, ms } = await stack.stop(name);
    assert.equal(code, 0, name);
    assert.ok(ms < 500, `${name} took ${ms} ms`);
    for (const line of output.output.trim().split('\n')) assert.match(JSON.parse(line).level, /^(info|warn)$/, `${name}: ${line}`);
    assert.doesNotMatch(output.output, /replay-token|strategy-token|"secret"/);
  }
  lazy.destroy();
});
