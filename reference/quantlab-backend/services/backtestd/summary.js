'use strict';

const OPEN = ['queued', 'running'];

/** One answer from the runs of a backtest: each day, and their sum. */
function summary(runs) {
  const dates = runs
    .map(({ id, date, status, result, error }) => ({ date, run: id, status, error, pnl: result?.pnl ?? null, trades: result?.trades ?? null }))
    .sort((a, b) => a.date.localeCompare(b.date));
  const finished = runs.filter((run) => run.status === 'finished');
  const open = runs.some((run) => OPEN.includes(run.status));
  const complete = finished.length === runs.length ? 'finished' : 'failed';
  return {
    status: open ? 'running' : complete,
    days: runs.length,
    finished: finished.length,
    pnl: Number(finished.reduce((sum, run) => sum + run.result.pnl, 0).toFixed(6)),
    worst_drawdown: Math.max(0, ...finished.map((run) => run.result.drawdown)),
    dates,
  };
}

module.exports = { summary };
