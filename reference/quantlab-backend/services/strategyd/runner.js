'use strict';
// Carries out runs: a few at a time, each from its file, so that a run outlives the process. A run that
// a stop or a crash interrupted starts again from its beginning (the replay is the same, so is the
// result); one that interrupts strategyd again and again is given up.

const log = require('../../core/lib/log');
const { subscribe } = require('../../core/lib/sse-client');
const { Account, strategies } = require('./strategies');

const SAVE_MS = 500; // progress for the reader, and the sign of life that the observer watches
const ATTEMPTS = 3;

class Runner {
  constructor({ runs, replayd, token, concurrency }, signal) {
    Object.assign(this, { runs, replayd, token, concurrency, signal });
    this.queue = [];
    this.active = 0;
  }

  recover() {
    const open = this.runs.list().filter((run) => run.status === 'queued' || run.status === 'running').reverse();
    for (const { observed, ...run } of open) {
      if (run.attempts >= ATTEMPTS) this.finish(run, { status: 'failed', error: `interrupted ${ATTEMPTS} times` });
      else this.add({ ...run, status: 'queued' });
    }
    if (open.length) log.info('unfinished runs are taken up again', { runs: open.length });
  }

  add(run) {
    this.runs.write(run);
    this.queue.push(run);
    this.next();
  }

  next() {
    while (this.active < this.concurrency && this.queue.length && !this.signal.aborted) {
      this.active += 1;
      this.execute(this.queue.shift()).finally(() => {
        this.active -= 1;
        this.next();
      });
    }
  }

  async execute(queued) {
    const run = { ...queued, status: 'running', attempts: queued.attempts + 1, started_at: new Date().toISOString() };
    const account = new Account();
    try {
      await this.replay(run, account);
      if (!this.signal.aborted) this.finish(run, { status: 'finished', result: account.result() });
    } catch (error) {
      this.finish(run, { status: 'failed', error: error.message });
    }
  }

  async replay(run, account) {
    const decide = strategies[run.strategy](run.params);
    const query = new URLSearchParams({ symbol: run.symbol, date: run.date, speed: run.speed, from: run.since ?? 0 });
    const options = { token: this.token, signal: this.signal };
    let saved = 0;
    for await (const batch of subscribe(`${this.replayd}/stream?${query}`, options)) {
      for (const { data } of batch) {
        const update = JSON.parse(data);
        const [bid, ask] = [Number(update.b), Number(update.a)];
        account.take(bid, ask, decide((bid + ask) / 2));
      }
      if (Date.now() - saved > SAVE_MS) {
        saved = Date.now();
        this.runs.write({ ...run, updated_at: new Date().toISOString(), result: account.result() });
      }
    }
  }

  finish(run, outcome) {
    const now = new Date().toISOString();
    this.runs.write({ ...run, ...outcome, updated_at: now, finished_at: now });
    log.info('run ended', { run: run.id, status: outcome.status, reason: outcome.error });
  }
}

module.exports = { Runner };
