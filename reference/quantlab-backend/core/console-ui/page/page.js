'use strict';
// Draws the state that the server sends every second. All text goes in as text, never as markup.

const $ = (id) => document.getElementById(id);
const whole = new Intl.NumberFormat('en');
const money = new Intl.NumberFormat('en', { minimumFractionDigits: 2, maximumFractionDigits: 2, signDisplay: 'exceptZero' });

const ACTIVE = ['queued', 'running', 'stalled'];
const LOOK = { finished: 'good', failed: 'bad', stalled: 'bad', running: 'busy', queued: 'busy' };
const TREND_POINTS = 120;

const trend = [];
const known = new Map(); // service → was it well, to announce only what changed
let filter = 'all';
let state = null;

function element(tag, text, className) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (className) node.className = className;
  return node;
}

function drawServices(services) {
  $('services').replaceChildren(...services.map(({ name, ok, reason }) => {
    const item = element('li');
    item.append(element('strong', name), element('span', ok ? '● healthy' : '▲ unhealthy', ok ? 'good' : 'bad'));
    if (reason) item.append(element('span', reason, 'reason'));
    return item;
  }));
  const changed = services.filter(({ name, ok }) => known.has(name) && known.get(name) !== ok);
  if (changed.length) $('news').textContent = changed.map(({ name, ok }) => `${name} is ${ok ? 'healthy' : 'unhealthy'}`).join(', ');
  for (const { name, ok } of services) known.set(name, ok);
}

function drawCollector(collector) {
  const figures = collector.error
    ? [['State', collector.error]]
    : [['Queue', whole.format(collector.queue_size)], ['Received', whole.format(collector.received)],
      ['In S3', whole.format(collector.uploaded)], ['Lag', `${collector.lag_seconds.toFixed(1)} s`]];
  $('collector').replaceChildren(...figures.map(([name, value]) => {
    const pair = element('div');
    pair.append(element('dt', name), element('dd', value));
    return pair;
  }));
  if (collector.error) return;
  trend.push(collector.queue_size);
  if (trend.length > TREND_POINTS) trend.shift();
  const top = Math.max(1, ...trend);
  const points = trend.map((value, i) => `${(i * 240) / (TREND_POINTS - 1)},${56 - (value / top) * 52}`);
  $('trend').querySelector('polyline').setAttribute('points', points.join(' '));
}

function row(run) {
  const tr = element('tr');
  const name = element('th', run.id);
  name.scope = 'row';
  const result = run.result ?? {};
  const number = (value, format) => element('td', value === undefined ? '–' : format.format(value), 'number');
  tr.append(name, element('td', run.symbol), element('td', run.date), element('td', run.strategy),
    element('td', run.status, LOOK[run.status]), number(result.updates, whole), number(result.trades, whole), number(result.pnl, money));
  return tr;
}

function drawRuns() {
  const { runs = [], total = 0, error } = state.runs;
  const shown = runs.filter(({ status }) => filter === 'all' || ACTIVE.includes(status) === (filter === 'active'));
  $('rows').replaceChildren(...shown.map(row));
  $('runs-caption').textContent = error ? `Runs cannot be shown: ${error}` : `${shown.length} shown of ${total}`;
}

function connection(text, className) {
  const pill = $('link');
  if (pill.textContent === text) return; // a status that is set again would be read out again
  pill.textContent = text;
  pill.className = `pill ${className}`;
}

$('filters').addEventListener('click', ({ target }) => {
  if (!target.dataset.filter) return;
  filter = target.dataset.filter;
  for (const button of $('filters').children) button.setAttribute('aria-pressed', String(button === target));
  if (state) drawRuns();
});

const live = new EventSource('/live');
live.onmessage = ({ data }) => {
  state = JSON.parse(data);
  connection('live', 'good');
  drawServices(state.services);
  drawCollector(state.collector);
  drawRuns();
};
live.onerror = () => connection('connection lost, retrying', 'bad');
