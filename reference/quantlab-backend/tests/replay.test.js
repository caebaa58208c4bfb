'use strict';
// replayd over a real S3 server.

const test = require('node:test');
const assert = require('node:assert/strict');
const zlib = require('node:zlib');
const { objectKey } = require('../core/lib/market');
const { json, open } = require('../core/lib/http');
const { subscribe } = require('../core/lib/sse-client');
const { DAY, dateOf, sleep, startOf } = require('../core/lib/time');
const { Stack, until } = require('./stack');

const token = 'replay-token';
let stack;

test.before(async () => {
  stack = await Stack.create();
  await stack.start('replayd');
});
test.after(() => stack.down());

/** Puts updates [from, to] of a day into one object, ten a second. */
function put(symbol, date, from, to) {
  const updates = Array.from({ length: to - from + 1 }, (_, i) => ({ ts: startOf(date) + (from + i) * 100, u: from + i, b: '1', B: '1', a: '2', A: '1' }));
  const key = objectKey(symbol, date, updates[0], updates[updates.length - 1]);
  return stack.s3.put(key, zlib.gzipSync(updates.map((update) => `${JSON.stringify(update)}\n`).join('')));
}

const address = (query) => `${stack.url('replayd')}/stream?${new URLSearchParams(query)}`;

async function numbers(query, options = {}) {
  const found = [];
  for await (const batch of subscribe(address(query), { token, ...options })) found.push(...batch.map(({ data }) => JSON.parse(data).u));
  return found;
}

const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

test('a day comes whole and in order, and resumes after the last event that the client had', async () => {
  await put('aaa', '20260110', 501, 900);
  await put('aaa', '20260110', 1, 500);
  assert.deepEqual(await numbers({ symbol: 'aaa', date: '20260110' }), range(1, 900));
  const lastId = `${startOf('20260110') + 70_000}-700`;
  assert.deepEqual(await numbers({ symbol: 'aaa', date: '20260110' }, { lastId }), range(701, 900));
  assert.deepEqual(await numbers({ symbol: 'aaa', date: '20260110', from: startOf('20260110') + 89_900 }), [899, 900]);
});

test('an unknown symbol or day is a 404 that says what there is', async () => {
  await put('bbb', '20260111', 1, 5);
  const ask = async (query) => {
    const res = await open(address(query), { token });
    return [res.statusCode, JSON.parse((await res.toArray()).join(''))];
  };
  const [noDay, day] = await ask({ symbol: 'bbb', date: '20260112' });
  assert.deepEqual([noDay, day.dates], [404, ['20260111']]);
  const [noSymbol, symbol] = await ask({ symbol: 'zzz', date: '20260112' });
  assert.equal(noSymbol, 404);
  assert.ok(symbol.symbols.includes('bbb'));
  assert.equal((await ask({ symbol: '../x', date: '20260112' }))[0], 400);
  assert.equal((await ask({ symbol: 'bbb', date: '20260230' }))[0], 400);
  assert.equal((await ask({ symbol: 'bbb', date: '20260111', speed: '-1' }))[0], 400);
});

test('streams need the token, health does not', async () => {
  for (const path of ['/stream?symbol=aaa&date=20260110', '/symbols', '/presence']) {
    await assert.rejects(json(`${stack.url('replayd')}${path}`), { status: 401 });
    await assert.rejects(json(`${stack.url('replayd')}${path}`, { token: 'wrong' }), { status: 401 });
  }
  assert.deepEqual(await json(`${stack.url('replayd')}/health`), { status: 'ok', reason: null });
});

test('the speed is kept: two seconds of market at ten times the speed take a fifth of a second', async () => {
  await put('ccc', '20260110', 1, 20);
  const began = Date.now();
  await numbers({ symbol: 'ccc', date: '20260110', speed: 10 });
  const took = Date.now() - began;
  assert.ok(took >= 180 && took < 600, `${took} ms`);
});

test('who follows gets what is added, over midnight and over days without data', async () => {
  const today = dateOf(Date.now());
  const before = dateOf(Date.now() - 3 * DAY);
  await put('ddd', before, 1, 10);
  const abort = new AbortController();
  const found = [];
  const reading = (async () => {
    const from = startOf(before);
    for await (const batch of subscribe(address({ symbol: 'ddd', follow: 1, from }), { token, live: true, signal: abort.signal })) {
      found.push(...batch.map(({ data }) => JSON.parse(data).u));
    }
  })();
  await until('the first day', () => found.length === 10);
  await put('ddd', before, 11, 12);
  await until('what was added to it', () => found.length === 12);
  await put('ddd', today, 13, 15);
  await until('the next day', () => found.length === 15);
  assert.deepEqual(found, range(1, 15));
  abort.abort();
  await reading;
});

test('a restart in the middle of a stream loses and doubles nothing', async () => {
  await put('eee', '20260110', 1, 200);
  const found = [];
  const reading = (async () => {
    for await (const batch of subscribe(address({ symbol: 'eee', date: '20260110', speed: 20 }), { token })) {
      found.push(...batch.map(({ data }) => JSON.parse(data).u));
    }
  })();
  for (const signal of ['SIGTERM', 'SIGKILL']) {
    const so_far = found.length;
    await until('the stream is on its way', () => found.length > so_far + 10);
    const { code, ms } = await stack.stop('replayd', signal);
    assert.equal(code, signal === 'SIGTERM' ? 0 : null);
    assert.ok(ms < 500, `the end took ${ms} ms with a stream open`);
    await stack.start('replayd');
  }
  await reading;
  assert.deepEqual(found, range(1, 200));
});

test('health follows S3, and a stream outlives its absence', async () => {
  const health = async () => (await open(`${stack.url('replayd')}/health`)).resume().statusCode;
  await put('fff', '20260110', 1, 5);
  await stack.stop('s3');
  await until('unhealthy', async () => (await health()) === 503);
  const said = await open(`${stack.url('replayd')}/health`);
  assert.match((await said.toArray()).join(''), /"unhealthy","reason":"S3: /);
  await stack.startS3();
  await until('healthy', async () => (await health()) === 200);
  assert.deepEqual(await numbers({ symbol: 'fff', date: '20260110' }), range(1, 5));
});

test('a client that does not read costs little memory', async () => {
  const rss = async () => Number(/VmRSS:\s+(\d+)/.exec(await require('node:fs/promises').readFile(`/proc/${stack.children.get('replayd').child.pid}/status`, 'utf8'))[1]);
  await put('ggg', '20260110', 1, 400_000);
  const before = await rss();
  const lazy = await Promise.all(range(1, 3).map(() => open(address({ symbol: 'ggg', date: '20260110' }), { token })));
  await sleep(1500);
  const grown = ((await rss()) - before) / 1024;
  for (const res of lazy) res.destroy();
  assert.ok(grown < 60, `${grown.toFixed(0)} MB for three clients`);
});
