'use strict';
// backtestd: spreads a backtest over the days of a range, as runs of strategyd, and collects the results.
// It keeps nothing itself: the runs carry the backtest's id, so a restart forgets nothing.

const { read, HTTP } = require('../../core/lib/settings');
const { Need, watch } = require('../../core/lib/need');
const { newId, isId } = require('../../core/lib/runs');
const { json } = require('../../core/lib/http');
const { body, healthRoute, send, serve, HttpError } = require('../../core/lib/service');
const { DAY, dateOf, startOf } = require('../../core/lib/time');
const { summary } = require('./summary');

const settings = read('backtestd', {
  ...HTTP,
  strategyd: ['STRATEGYD_URL', 'url'],
  token: ['STRATEGYD_TOKEN', 'text'],
});
const DAYS = 366;
const stopping = new AbortController();
const need = new Need('strategyd');

async function ask(path, options) {
  try {
    return await json(`${settings.strategyd}${path}`, { token: settings.token, ...options });
  } catch (error) {
    // What strategyd finds wrong with a request is the client's to mend; all else is ours.
    throw new HttpError(error.status === 400 ? 400 : 502, `strategyd ${error.message}`);
  }
}

function days(from, to) {
  const [begin, end] = [startOf(from ?? ''), startOf(to ?? from ?? '')];
  if (Number.isNaN(begin) || Number.isNaN(end) || end < begin) {
    throw new HttpError(400, 'from and to must be days as YYYYMMDD, in this order');
  }
  const count = (end - begin) / DAY + 1;
  if (count > DAYS) throw new HttpError(400, `a backtest has at most ${DAYS} days`);
  return Array.from({ length: count }, (_, i) => dateOf(begin + i * DAY));
}

async function create(req, res) {
  const { from, to, ...wanted } = (await body(req)) ?? {};
  const dates = days(from, to);
  const id = newId('bt');
  const runs = [];
  for (const date of dates) {
    const run = await ask('/runs', { method: 'POST', body: { ...wanted, date, backtest: id } });
    runs.push({ date, run: run.id });
  }
  send(res, 202, { id, runs });
}

async function show(req, res, { params }) {
  if (!isId(params.id)) throw new HttpError(404, 'no such backtest');
  const { runs } = await ask(`/runs?backtest=${params.id}`);
  if (!runs.length) throw new HttpError(404, 'no such backtest');
  send(res, 200, { id: params.id, ...summary(runs) });
}

serve({
  name: 'backtestd',
  ...settings,
  routes: { 'GET /health': healthRoute([need]), 'POST /backtests': create, 'GET /backtests/:id': show },
  stop: () => stopping.abort(),
});
watch(need, () => json(`${settings.strategyd}/health`, { token: settings.token, timeout: 2000 }), 2000, stopping.signal);
