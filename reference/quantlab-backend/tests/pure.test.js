'use strict';
// The arithmetic and the merging, without processes.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const zlib = require('node:zlib');
const { Readable } = require('node:stream');
const { Queue } = require('../core/job-worker/queue');
const { merge } = require('../core/replay/day');
const { parseKey, objectKey } = require('../core/lib/market');
const { json } = require('../core/lib/http');
const { parseDotenv } = require('../core/lib/dotenv');
const { startOf } = require('../core/lib/time');
const { Sample, train } = require('../core/scheduler/model');
const { featureMaker } = require('../services/featurexd/features');
const { labelMaker } = require('../services/labeld/labels');
const { Account } = require('../services/strategyd/strategies');

/** Objects in memory behind the one call that the merge needs. */
function objectsOf(...lists) {
  const bodies = new Map();
  let open = 0;
  let most = 0;
  for (const list of lists) {
    const updates = list.map((u) => ({ ts: u * 10, u }));
    const key = objectKey('btcusdt', '20260115', updates[0], updates[updates.length - 1]);
    bodies.set(key, zlib.gzipSync(updates.map((update) => `${JSON.stringify({ ...update, b: '1' })}\n`).join('')));
  }
  const s3 = {
    get: async (key) => {
      most = Math.max(most, open += 1);
      return Readable.from([bodies.get(key)]).on('close', () => { open -= 1; });
    },
  };
  return { s3, objects: [...bodies.keys()].map(parseKey), most: () => most };
}

async function numbers({ s3, objects }, from) {
  const found = [];
  for await (const batch of merge(s3, objects, from)) found.push(...batch.map(({ u }) => u));
  return found;
}

test('objects that follow each other are read one at a time', async () => {
  const day = objectsOf([1, 2, 3], [4, 5], [6, 7, 8]);
  assert.deepEqual(await numbers(day), [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.equal(day.most(), 1);
});

test('objects of two collectors are merged, and what both saw comes once', async () => {
  const day = objectsOf([1, 3, 5, 7, 20], [2, 3, 4, 7, 8], [8, 9, 21]);
  assert.deepEqual(await numbers(day), [1, 2, 3, 4, 5, 7, 8, 9, 20, 21]);
});

test('a replay goes on after the given update', async () => {
  assert.deepEqual(await numbers(objectsOf([1, 2, 3], [4, 5]), { ts: 20, u: 2 }), [3, 4, 5]);
});

test('features are the mid, the spread, the imbalance and the volatility', () => {
  const features = featureMaker(3);
  const quote = (u, mid) => features({ ts: u, u, b: String(mid - 1), B: '3', a: String(mid + 1), A: '1' })[0];
  const [one] = [quote(1, 100)];
  assert.deepEqual([one.mid, one.spread, one.imbalance, one.volatility], [100, 2, 0.5, 0]);
  const mids = [110, 100, 120, 90];
  const last = mids.map((mid, i) => quote(i + 2, mid)).pop();
  const returns = [Math.log(100 / 110), Math.log(120 / 100), Math.log(90 / 120)]; // the window holds three
  const mean = returns.reduce((a, b) => a + b) / 3;
  const expected = Math.sqrt(returns.reduce((sum, r) => sum + (r - mean) ** 2, 0) / 2);
  assert.ok(Math.abs(last.volatility - expected) < 1e-12);
});

test('a label is the return over the horizon, and none when the market was silent then', () => {
  const labels = labelMaker(1000);
  assert.deepEqual(labels({ ts: 0, u: 1, mid: 100 }), []);
  const [first] = labels({ ts: 1200, u: 2, mid: 110 });
  assert.ok(Math.abs(first.forward_return - 0.1) < 1e-12);
  assert.deepEqual(labels({ ts: 9000, u: 3, mid: 120 }), []);
});

test('an account pays half the spread for each change of position', () => {
  const account = new Account();
  account.take(99, 101, 1);
  account.take(109, 111, -1);
  account.take(104, 106, -1);
  assert.deepEqual(account.result(), { pnl: -1 + 10 - 2 + 5, drawdown: 1, trades: 2, updates: 3, position: -1 });
});

test('training finds what is there to be found', () => {
  const sample = new Sample();
  for (let i = 0; i < 6000; i += 1) {
    const [imbalance, noise] = [Math.sin(i * 1.7), Math.cos(i * 0.9) * 0.3];
    sample.add({ spread: 1, imbalance, momentum: Math.sin(i), volatility: Math.cos(i * 2.3), forward_return: 2 * imbalance + noise });
  }
  const { model, metrics } = train(sample);
  assert.ok(metrics.r2 > 0.9 && metrics.hit_rate > 0.9, JSON.stringify(metrics));
  assert.equal(model.features[model.weights.indexOf(Math.max(...model.weights))], 'imbalance');
  assert.throws(() => train(new Sample()), /too few/);
});

test('core/.env: quoted, bare, and nothing else', () => {
  assert.deepEqual(parseDotenv("A='x y'\n# B=1\nC=plain\nexport D=\"q\"\nnot a line\n"), { A: 'x y', C: 'plain', D: 'q' });
});

test('a kept connection that the other side closes just then costs nothing', async (t) => {
  const served = new WeakSet();
  const server = http.createServer((req, res) => {
    if (served.has(req.socket)) req.socket.destroy();
    else served.add(req.socket) && res.end('{}');
  });
  t.after(() => server.close().closeAllConnections());
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const url = `http://127.0.0.1:${server.address().port}/`;
  for (const method of ['GET', 'GET', 'POST', 'POST']) assert.deepEqual(await json(url, { method }), {});
});

test('a day that does not exist is not a day', () => {
  assert.equal(startOf('20260115'), Date.UTC(2026, 0, 15));
  for (const date of ['20260230', '2026011', 'today', '']) assert.ok(Number.isNaN(startOf(date)), date);
});

test('an attempt counts before the job is taken, wherever a kill falls', () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'queue-'));
  const queue = new Queue(dir);
  fs.writeFileSync(path.join(dir, 'pending', 'job-1.json'), '{"script":"sweep"}');
  fs.rmdirSync(path.join(dir, 'running')); // as far as a worker gets that is killed here
  assert.throws(() => queue.take(), { code: 'ENOENT' });
  fs.mkdirSync(path.join(dir, 'running'));
  assert.equal(queue.take().attempts, 2);
  fs.rmSync(dir, { recursive: true });
});
