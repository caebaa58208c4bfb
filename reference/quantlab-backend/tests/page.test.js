'use strict';
// The console's page in a real browser, with the services behind it that it shows.

const test = require('node:test');
const assert = require('node:assert/strict');
const { json } = require('../core/lib/http');
const { Runs } = require('../core/lib/runs');
const { Browser } = require('./browser');
const { Stack, until } = require('./stack');

let stack;
let page;

test.before(async () => {
  stack = await Stack.create({}, ['--symbols', 'btcusdt', '--days', '1']); // an update a second
  await stack.startAll();
  page = await Browser.open(`${stack.url('console')}/`);
});
test.after(async () => {
  await page?.close();
  await stack.down();
});

const shows = (what, code, ...args) => until(what, () => page.run(code, ...args), 30_000, () => page.complaints.join('; '));
const text = (selector) => page.run((s) => document.querySelector(s).textContent, selector);
const create = (body) => json(`${stack.url('strategyd')}/runs`, { method: 'POST', token: 'strategy-token', body: { symbol: 'btcusdt', date: '20260115', ...body } });
/** The text of a run's row, or undefined. */
const row = (id) => [...document.querySelectorAll('#rows tr')].find((tr) => tr.cells[0].textContent === id)?.textContent;
const hasRow = (what, id, words) => until(what, async () => { const found = await page.run(row, id); return words.every((word) => found?.includes(word)) && found; });

test('a run appears, is at work and ends, and the collector moves on, on a page that is never loaded again', { timeout: 60_000 }, async () => {
  await shows('it is live', () => document.querySelector('#link').textContent === 'live');
  await page.run(() => { window.loaded = 'once'; });
  const { id } = await create({ speed: 60_000 }); // a day in one and a half seconds
  await hasRow('the run is at work', id, ['running']);
  await page.run((key) => { document.querySelector(`[data-key="${key}"]`).marked = true; }, id);
  const inS3 = () => Number(document.querySelector('[data-key="In S3"] dd').textContent.replaceAll(',', ''));
  const before = await page.run(inS3);
  await hasRow('it has ended', id, ['finished', '86,400', '2026-01-15', 'momentum']);
  await until('more is in S3', async () => (await page.run(inS3)) > before);
  assert.match(await text('[data-key="Queue"] dd'), /^\d+$/);
  assert.match(await text('[data-key="Received"] dd'), /^\d\d\.\d \/s$/);
  assert.equal(await page.run((key) => document.querySelector(`[data-key="${key}"]`).marked, id), true, 'the row is still the same one');
  assert.equal(await page.run(() => window.loaded), 'once');
});

test('a run that fails says why', async () => {
  const { id } = await create({ date: '20200101' });
  await hasRow('it has failed', id, ['failed: ', 'there is no data of btcusdt on 20200101']);
});

test('a run at work is shown even when a hundred newer ones are there, and only it among the active', { timeout: 60_000 }, async () => {
  const runs = new Runs(stack.env.RUNS_DIR);
  const old = { id: 'run-1', status: 'running', symbol: 'btcusdt', date: '20260115', strategy: 'momentum' };
  runs.write(old);
  for (let i = 0; i < 101; i += 1) runs.write({ ...old, id: `run-9-${i}`, status: 'finished', updated_at: '2026-01-15T12:00:00Z' });
  await shows('all of the newest and the old one', () => /^101 shown of 10\d, 1 active$/.test(document.querySelector('#runs-caption').textContent));
  assert.equal(await page.run(() => document.querySelector('#rows th').textContent), 'run-1', 'those at work come first');
  await page.run(() => { document.querySelector('[data-filter="active"]').click(); });
  assert.deepEqual(await page.run(() => [...document.querySelectorAll('#rows th')].map((th) => th.textContent)), ['run-1']);
  await page.run(() => { document.querySelector('[data-filter="all"]').click(); });
  for (let i = 0; i < 101; i += 1) runs.remove(`run-9-${i}`);
  runs.remove('run-1');
  await shows('they are gone', () => document.querySelectorAll('#rows tr').length === 2);
});

test('a service that fails is named, with the reason, and again when it is well', { timeout: 60_000 }, async () => {
  const health = () => document.querySelector('[data-key="collector"]').textContent;
  await stack.stop('collector');
  await shows('it is missed', () => document.querySelector('#summary').textContent === 'unhealthy: collector');
  assert.match(await page.run(health), /^collectorunhealthyconnect ECONNREFUSED/);
  assert.equal(await page.run(() => document.title), '(1) QuantLab console');
  assert.match(await text('#collector'), /^Stateconnect ECONNREFUSED/);
  await stack.start('collector');
  await shows('it is well', () => document.querySelector('#summary').textContent === 'all 7 are healthy');
  assert.equal(await page.run(health), 'collectorhealthy');
});

test('a screen reader is told what there is', async () => {
  const told = (await page.accessible()).map(({ role, name }) => `${role} ${name}`);
  const missing = [
    'banner ', 'main ', 'heading QuantLab console', 'heading Services', 'heading Collector', 'heading Runs',
    'region Services', 'region Collector', 'region Runs', 'list Services', 'group Which runs to show', 'link Skip to the runs',
    'button All', 'button Active', 'button Ended', 'columnheader Status', 'columnheader Profit', 'term Queue',
  ].filter((wanted) => !told.includes(wanted));
  assert.deepEqual(missing, []);
  assert.equal(told.filter((line) => line.startsWith('listitem')).length, 7, 'one for each service');
  assert.equal(told.filter((line) => line.startsWith('status')).length, 2, 'what changes is read out');
  assert.ok(told.some((line) => /^rowheader run-/.test(line)) && told.some((line) => /^image Queue .* at most$/.test(line)));
  const nameless = told.filter((line) => /^(link|button|region|table|list|image|group|columnheader|rowheader) $/.test(line));
  assert.deepEqual(nameless, []);
});

test('all is reached by keyboard, in the order of the page, and one sees where one is', async () => {
  const order = [];
  for (let i = 0; i < 5; i += 1) {
    await page.press('Tab');
    order.push(await page.run(() => {
      const { outlineStyle, outlineWidth } = getComputedStyle(document.activeElement);
      return [document.activeElement.textContent.trim().split('\n')[0].slice(0, 16), outlineStyle === 'solid' && parseFloat(outlineWidth) >= 2];
    }));
  }
  assert.deepEqual(order.map(([name]) => name.replace(/^\d.*/, 'table')), ['Skip to the runs', 'All', 'Active', 'Ended', 'table']);
  assert.ok(order.every(([, seen]) => seen), JSON.stringify(order));
  await page.run(() => document.querySelector('.skip').focus());
  await page.press('Enter');
  assert.equal(await page.run(() => document.activeElement.id), 'runs', 'the link skips to the runs');
  await page.run(() => document.querySelector('[data-filter="all"]').focus());
  await page.press('Tab');
  await page.press('Enter');
  assert.deepEqual(await page.run(() => [...document.querySelectorAll('[data-filter]')].map((button) => button.getAttribute('aria-pressed'))), ['false', 'true', 'false']);
  assert.match(await text('#runs-caption'), /^0 shown of 2/);
  const time = await text('[data-key="In S3"] dd');
  await until('the page has been drawn anew', async () => (await text('[data-key="In S3"] dd')) !== time);
  assert.equal(await page.run(() => document.activeElement.textContent), 'Active', 'the focus stays');
  await page.run(() => { document.querySelector('[data-filter="all"]').click(); });
});

/** Texts whose contrast with what is behind them is below 4.5, by WCAG's own formula. */
function faint() {
  const context = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  const over = (color) => { context.fillStyle = color; context.fillRect(0, 0, 1, 1); };
  const light = () => {
    const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const own = (node) => [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
  return [...document.body.querySelectorAll('*')].filter((node) => own(node) && node.checkVisibility() && !node.closest('noscript, script')).map((node) => {
    const chain = [];
    for (let at = node; at; at = at.parentElement) chain.unshift(at);
    for (const at of chain) over(getComputedStyle(at).backgroundColor);
    const ground = light();
    over(getComputedStyle(node).color);
    const [dark, bright] = [ground, light()].sort((a, b) => a - b);
    return [node.textContent.slice(0, 30), Number(((bright + 0.05) / (dark + 0.05)).toFixed(2))];
  }).filter(([, contrast]) => contrast < 4.5);
}

test('it is readable by day and by night, on a desk and on a phone', async () => {
  for (const scheme of ['light', 'dark']) {
    for (const width of [1280, 390, 320]) {
      await page.look(scheme, width);
      assert.deepEqual(await page.run(faint), [], `${scheme}, ${width}`);
      assert.ok((await page.run(() => document.documentElement.scrollWidth)) <= width, `nothing sticks out at ${width}`);
    }
    const colors = await page.run(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(colors, scheme === 'light' ? 'rgb(244, 246, 249)' : 'rgb(11, 20, 32)');
  }
  const told = (await page.accessible()).map(({ role }) => role);
  for (const role of ['table', 'row', 'columnheader', 'rowheader', 'cell']) assert.ok(told.includes(role), `${role} is one on a phone, too`);
  if (process.env.PICTURE) await page.picture(process.env.PICTURE);
});

test('nothing was complained of', () => assert.deepEqual(page.complaints, []));

test('it says that the connection is lost, and comes back by itself', { timeout: 60_000 }, async () => {
  await stack.stop('console');
  await shows('it says so', () => document.querySelector('#link').textContent === 'connection lost, retrying' && document.body.className === 'stale');
  await stack.start('console');
  await shows('it is live again', () => document.querySelector('#link').textContent === 'live' && document.body.className === '');
  assert.equal(await page.run(() => window.loaded), 'once');
});
