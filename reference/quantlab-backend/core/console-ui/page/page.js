'use strict';
// Draws the state that the server sends every second. All text goes in as text, never as markup. What
// is on the page is changed, not replaced: a reader's place, focus and selection stay where they are.

const $ = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat('en');
const decimal = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const money = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: 'exceptZero' });
const clock = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZone: 'UTC' });

const ACTIVE = ['queued', 'running', 'stalled'];
const LOOK = { finished: 'good', failed: 'bad', stalled: 'bad', running: 'busy', queued: 'quiet' };
const number = (value, format) => (value === undefined ? '–' : format.format(value));

/** What a row shows: name, text, look. The first names the row. */
const COLUMNS = [
  ['Run', ({ id }) => id],
  ['Symbol', ({ symbol }) => symbol],
  ['Day', ({ date }) => date?.replace(/(....)(..)(..)/, '$1-$2-$3')],
  ['Strategy', ({ strategy, trial }) => (trial ? `${strategy} (trial)` : strategy)],
  ['Status', ({ status, error }) => (error ? `${status}: ${error}` : status), ({ status }) => `status ${LOOK[status]}`],
  ['Updates', ({ result }) => number(result?.updates, whole), () => 'number'],
  ['Trades', ({ result }) => number(result?.trades, whole), () => 'number'],
  ['Profit', ({ result }) => number(result?.pnl, money), () => 'number'],
  ['Changed (UTC)', ({ updated_at: time }) => (Date.parse(time) ? clock.format(Date.parse(time)) : '–'), () => 'number'],
];
const TREND_MS = 120_000;
const RATE_MS = 5000;

let filter = 'all';
let state = null;
let trend = []; // { time, queue, received }

function element(tag, attributes = {}) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

/** Only what is new: a status that is set again would be read out again. */
function write(node, text, className = node.className) {
  if (node.textContent !== text) node.textContent = text;
  if (node.className !== className) node.className = className;
}

/** Makes the children of a node those of the items, by key, and keeps those that are there. */
function list(parent, items, key, make, fill) {
  const old = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  const nodes = items.map((item) => {
    const node = old.get(key(item)) ?? make(item);
    node.dataset.key = key(item);
    fill(node, item);
    return node;
  });
  const stay = new Set(nodes);
  for (const node of old.values()) if (!stay.has(node)) node.remove();
  nodes.forEach((node, i) => { if (parent.children[i] !== node) parent.insertBefore(node, parent.children[i] ?? null); });
}

function parts(...tags) {
  return (node) => {
    node.append(...tags.map((tag) => element(tag)));
    return node;
  };
}

function drawServices(services) {
  list($('services'), services, ({ name }) => name, () => parts('strong', 'span', 'span')(element('li')), (item, { name, ok, reason }) => {
    const [title, health, why] = item.children;
    item.className = ok ? '' : 'unwell';
    write(title, name);
    write(health, ok ? 'healthy' : 'unhealthy', `status ${ok ? 'good' : 'bad'}`);
    write(why, reason ?? '', 'reason');
  });
  const unwell = services.filter(({ ok }) => !ok).map(({ name }) => name);
  const text = unwell.length ? `unhealthy: ${unwell.join(', ')}` : `all ${services.length} are healthy`;
  write($('summary'), text, unwell.length ? 'bad' : 'good');
  document.title = `${unwell.length ? `(${unwell.length}) ` : ''}QuantLab console`;
}

/** Updates a second, over the last few seconds. */
function rate() {
  const last = trend[trend.length - 1];
  const first = trend.find(({ time }) => last.time - time <= RATE_MS);
  return first === last ? '–' : `${decimal.format(((last.received - first.received) * 1000) / (last.time - first.time))} /s`;
}

function figures({ error, queue_size: queue, uploaded, dropped, lag_seconds: lag }) {
  if (error) return [['State', error, 'bad']];
  return [
    ['Queue', whole.format(queue)], ['Received', rate()], ['In S3', whole.format(uploaded)],
    ['Lag', `${decimal.format(lag)} s`], ['Dropped', whole.format(dropped), dropped ? 'bad' : ''],
  ];
}

function drawCollector(collector, time) {
  if (!collector.error) {
    const received = collector.received;
    if (trend.some((point) => point.received > received)) trend = []; // the collector counts anew
    trend = [...trend.filter((point) => time - point.time <= TREND_MS), { time, queue: collector.queue_size, received }];
    drawTrend(time);
  }
  list($('collector'), figures(collector), ([name]) => name, () => parts('dt', 'dd')(element('div')), (pair, [name, value, look = '']) => {
    write(pair.children[0], name);
    write(pair.children[1], value, look);
  });
}

function drawTrend(time) {
  const most = Math.max(...trend.map(({ queue }) => queue));
  const points = trend.map((point) => `${240 - ((time - point.time) * 240) / TREND_MS},${58 - (point.queue * 54) / (most || 1)}`);
  const [area, line] = $('trend').children;
  line.setAttribute('points', points.join(' '));
  area.setAttribute('points', `${points[0].split(',')[0]},60 ${points.join(' ')} 240,60`);
  const text = `Queue over the last two minutes, ${whole.format(most)} at most`;
  write($('trend-text'), text);
  $('trend').setAttribute('aria-label', text);
}

function makeRow() {
  const row = element('tr');
  row.append(...COLUMNS.map(([name], i) => (i ? element('td', { 'data-label': name }) : element('th', { scope: 'row' }))));
  return row;
}

function fillRow(row, run) {
  COLUMNS.forEach(([, text, look = () => ''], i) => write(row.children[i], text(run) ?? '–', look(run)));
}

function drawRuns({ runs = [], total = 0, error }) {
  const active = runs.filter(({ status }) => ACTIVE.includes(status));
  const ended = runs.filter((run) => !active.includes(run));
  const shown = { all: [...active, ...ended], active, ended }[filter];
  list($('rows'), shown, ({ id }) => id, makeRow, fillRow);
  write($('runs-caption'), error ? `Runs cannot be shown: ${error}` : `${whole.format(shown.length)} shown of ${whole.format(total)}, ${active.length} active`);
}

function connection(text, look) {
  write($('link'), text, `pill ${look}`);
  document.body.classList.toggle('stale', look === 'bad');
}

$('columns').append(...COLUMNS.map(([name, , look = () => '']) => {
  const head = element('th', { scope: 'col' });
  write(head, name, look({}) === 'number' ? 'number' : '');
  return head;
}));

$('filters').addEventListener('click', ({ target }) => {
  if (!target.dataset.filter) return;
  filter = target.dataset.filter;
  for (const button of $('filters').children) button.setAttribute('aria-pressed', String(button === target));
  if (state) drawRuns(state.runs);
});

const live = new EventSource('/live');
live.onmessage = ({ data }) => {
  state = JSON.parse(data);
  connection('live', 'good');
  drawServices(state.services);
  drawCollector(state.collector, Date.parse(state.time));
  drawRuns(state.runs);
};
live.onerror = () => connection('connection lost, retrying', 'bad');
