'use strict';

const fs = require('node:fs');
const path = require('node:path');
const log = require('../lib/log');
const { readJson, writeJson } = require('../lib/runs');

const STATES = ['pending', 'running', 'done', 'failed'];
const ATTEMPTS = 3;

class Queue {
  constructor(dir) {
    this.dir = dir;
    for (const state of STATES) fs.mkdirSync(this.#path(state), { recursive: true });
    fs.accessSync(this.#path('pending'), fs.constants.W_OK);
    for (const name of this.#names('running')) {
      log.info('an interrupted job is taken up again', { job: path.parse(name).name });
      fs.renameSync(this.#path('running', name), this.#path('pending', name));
    }
  }

  #path(...parts) {
    return path.join(this.dir, ...parts);
  }

  #names(state) {
    return fs.readdirSync(this.#path(state)).filter((name) => name.endsWith('.json')).sort();
  }

  /** The oldest pending job, now ours, or null. */
  take() {
    for (const name of this.#names('pending')) {
      const file = this.#path('pending', name);
      const wanted = readJson(file);
      const job = { ...wanted, id: path.parse(name).name, attempts: (wanted?.attempts ?? 0) + 1 };
      writeJson(file, job); // counted before it is ours: a job that kills the worker must not come back for ever
      fs.renameSync(file, this.#path('running', name));
      if (!/^[\w-]+$/.test(job.script ?? '')) this.finish(job, { ok: false, reason: 'names no script' });
      else if (job.attempts > ATTEMPTS) this.finish(job, { ok: false, reason: `interrupted ${ATTEMPTS} times` });
      else return job;
    }
    return null;
  }

  finish(job, outcome) {
    const name = `${job.id}.json`;
    writeJson(this.#path('running', name), { ...job, ...outcome, ended_at: new Date().toISOString() });
    fs.renameSync(this.#path('running', name), this.#path(outcome.ok ? 'done' : 'failed', name));
  }

  /** A stop on purpose is not the job's fault: it does not count as an attempt. */
  giveBack(job) {
    const name = `${job.id}.json`;
    writeJson(this.#path('running', name), { ...job, attempts: job.attempts - 1 });
    fs.renameSync(this.#path('running', name), this.#path('pending', name));
  }
}

module.exports = { Queue };
