'use strict';
// strategyd: runs strategies over replays and keeps each run in a file. Everything needs the token.

const fs = require('node:fs');
const { read, HTTP } = require('../../core/lib/settings');
const { Need } = require('../../core/lib/need');
const { Runs, newId, DEFAULT_DIR } = require('../../core/lib/runs');
const { bearer, body, healthRoute, send, serve, HttpError } = require('../../core/lib/service');
const { subscribe } = require('../../core/lib/sse-client');
const { isSymbol } = require('../../core/lib/market');
const { startOf } = require('../../core/lib/time');
const { strategies } = require('./strategies');
const { Runner } = require('./runner');

const settings = read('strategyd', {
  ...HTTP,
  token: ['STRATEGYD_TOKEN', 'text'],
  replayd: ['REPLAYD_URL', 'url'],
  replaydToken: ['REPLAYD_TOKEN', 'text'],
  dir: ['RUNS_DIR', 'text', DEFAULT_DIR],
  concurrency: ['RUN_CONCURRENCY', 'number', 2],
});
const TRIAL_MS = 600_000;
const stopping = new AbortController();
const replayd = new Need('replayd');
const folder = new Need('runs folder');
const runs = new Runs(settings.dir);
const runner = new Runner({ ...settings, runs, token: settings.replaydToken }, stopping.signal);

function checkFolder() {
  try {
    fs.mkdirSync(settings.dir, { recursive: true });
    fs.accessSync(settings.dir, fs.constants.W_OK);
    folder.set(true);
  } catch (error) {
    folder.set(false, `not writable: ${error.code}`);
  }
}

function validate(wanted) {
  const { symbol, date, strategy = 'momentum', params = {}, speed = 0, since = 0, trial = false, backtest = null } = wanted ?? {};
  const problems = [];
  if (!isSymbol(symbol)) problems.push('symbol is missing or not a symbol');
  if (Number.isNaN(startOf(date ?? ''))) problems.push('date must be a day as YYYYMMDD');
  if (!Object.hasOwn(strategies, strategy)) problems.push(`strategy must be one of ${Object.keys(strategies).join(', ')}`);
  if (!Object.values(params ?? 0).every(Number.isFinite)) problems.push('params must be numbers');
  if (!(Number.isFinite(speed) && speed >= 0)) problems.push('speed must be a number from 0 up');
  if (!(Number.isSafeInteger(since) && since >= 0)) problems.push('since must be a time in ms');
  if (typeof trial !== 'boolean') problems.push('trial must be true or false');
  if (problems.length) throw new HttpError(400, problems.join('; '));
  return { symbol, date, strategy, params, speed, since, trial, backtest };
}

/** A trial shows that the stack works; its result is nobody's, so it is not kept for long. */
function removeOldTrials() {
  const old = runs.list().filter((run) => run.trial && Date.parse(run.finished_at) < Date.now() - TRIAL_MS);
  for (const { id } of old) runs.remove(id);
}

async function create(req, res) {
  const wanted = validate(await body(req));
  if (wanted.trial) removeOldTrials();
  const run = { id: newId('run'), ...wanted, status: 'queued', attempts: 0, created_at: new Date().toISOString() };
  runner.add({ ...run, updated_at: run.created_at });
  send(res, 202, { id: run.id, status: run.status });
}

function list(req, res, { query }) {
  const backtest = query.get('backtest');
  const found = runs.list().filter((run) => !backtest || run.backtest === backtest);
  send(res, 200, { runs: found });
}

function show(req, res, { params }) {
  const run = runs.get(params.id);
  if (!run) throw new HttpError(404, 'no such run');
  send(res, 200, run);
}

async function stayConnected() {
  const options = { token: settings.replaydToken, signal: stopping.signal, live: true, state: (ok, reason) => replayd.set(ok, reason) };
  const events = subscribe(`${settings.replayd}/presence`, options);
  while (!(await events.next()).done); // nothing to read: the connection itself is the news
}

const routes = { 'GET /health': healthRoute([replayd, folder]), 'POST /runs': create, 'GET /runs': list, 'GET /runs/:id': show };
serve({
  name: 'strategyd',
  ...settings,
  routes: Object.fromEntries(Object.entries(routes).map(([route, handler]) => [route, bearer(settings.token, handler)])),
  stop: () => stopping.abort(),
});
checkFolder();
setInterval(checkFolder, 2000).unref();
stayConnected();
if (folder.ok) runner.recover();
