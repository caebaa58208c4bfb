'use strict';
// observer-api: shows the runs, and changes nothing.

const fs = require('node:fs');
const path = require('node:path');
const log = require('../lib/log');
const { read, refuse, HTTP } = require('../lib/settings');
const { Runs, DEFAULT_DIR } = require('../lib/runs');
const { send, serve, HttpError } = require('../lib/service');

const settings = read('observer-api', {
  ...HTTP,
  dir: ['RUNS_DIR', 'text', DEFAULT_DIR],
  logFile: ['LOG_FILE', 'text', path.join(__dirname, 'server.log')],
});
const PAGE = 50;
const MOST = 500;
const runs = new Runs(settings.dir);

// Opened anew for each line: whoever rotates the file need not tell us.
const logToFile = (line) => fs.appendFileSync(settings.logFile, line, { mode: 0o640 });

/** The status as a reader wants it: a run that shows no life is not simply running. */
const view = ({ observed, ...run }) => ({
  ...run,
  status: run.status === 'running' && observed.stalled_since ? 'stalled' : run.status,
  stalled_since: observed.stalled_since ?? null,
  archived_as: observed.archived_as ?? null,
});

function number(query, name, fallback, most) {
  const value = query.get(name) ?? String(fallback);
  if (!/^\d{1,9}$/.test(value)) throw new HttpError(400, `${name} must be a number from 0 up`);
  return Math.min(Number(value), most);
}

function allRuns() {
  try {
    return runs.list().map(view);
  } catch (error) {
    throw new HttpError(503, `runs folder is not readable: ${error.code}`);
  }
}

function list(req, res, { query }) {
  const limit = number(query, 'limit', PAGE, MOST);
  const offset = number(query, 'offset', 0, Infinity);
  const filters = ['status', 'symbol', 'date', 'strategy', 'backtest'].filter((name) => query.has(name));
  const found = allRuns().filter((run) => filters.every((name) => run[name] === query.get(name)));
  send(res, 200, { total: found.length, limit, offset, runs: found.slice(offset, offset + limit) });
}

function show(req, res, { params }) {
  const run = runs.get(params.id);
  if (!run) throw new HttpError(404, 'no such run');
  send(res, 200, view(run));
}

const quiet = ['/ping']; // probes come every second

try {
  logToFile('');
} catch (error) {
  refuse('observer-api', `LOG_FILE ${settings.logFile} is not writable: ${error.code}`);
}
log.also(logToFile);
serve({
  name: 'observer-api',
  ...settings,
  routes: {
    'GET /ping': (req, res) => send(res, 200, { status: 'ok', reason: null }),
    'GET /api/runs': list,
    'GET /api/runs/:id': show,
  },
  access: (request) => { if (!quiet.includes(request.path)) log.info('request', request); },
});
