'use strict';
// What the page shows, gathered from the other services while somebody looks, and only then.

const { json } = require('../lib/http');
const { sleep } = require('../lib/time');

const TIMEOUT = 2000;

class State {
  constructor(settings) {
    this.settings = settings;
    this.readers = new Set();
    this.running = false;
    this.last = null;
    this.services = [
      ['replayd', settings.replayd, '/health'],
      ['collector', settings.collector, '/health'],
      ['featurexd', settings.featurexd, '/health'],
      ['labeld', settings.labeld, '/health'],
      ['strategyd', settings.strategyd, '/health', settings.strategydToken],
      ['backtestd', settings.backtestd, '/health'],
      ['observer-api', settings.observerApi, '/ping'],
    ].filter(([, url]) => url);
  }

  join(events) {
    this.readers.add(events);
    events.signal.addEventListener('abort', () => this.readers.delete(events));
    if (this.last) events.send(this.last);
    if (!this.running) this.#refresh();
  }

  async #refresh() {
    this.running = true;
    while (this.readers.size) {
      this.last = `data: ${JSON.stringify(await this.#gather())}\n\n`;
      for (const events of this.readers) {
        if (!events.res.writableNeedDrain) events.send(this.last); // the next state replaces this one
      }
      await sleep(this.settings.refreshMs);
    }
    this.running = false;
    this.last = null;
  }

  async #gather() {
    const [services, collector, runs] = await Promise.all([
      Promise.all(this.services.map((service) => this.#health(...service))),
      this.#ask(`${this.settings.collector}/metrics`),
      this.#runs(),
    ]);
    return { time: new Date().toISOString(), services, collector, runs };
  }

  /** The newest, and those at work: behind the queue of a long backtest they are many places down. */
  async #runs() {
    const ask = (query) => this.#ask(`${this.settings.observerApi}/api/runs?${query}`);
    const [newest, ...active] = await Promise.all([ask('limit=100'), ask('status=running'), ask('status=stalled')]);
    if (newest.error) return newest;
    const known = new Set(newest.runs.map(({ id }) => id));
    const older = active.flatMap(({ runs = [] }) => runs).filter(({ id }) => !known.has(id));
    return { ...newest, runs: [...newest.runs, ...older] };
  }

  async #health(name, url, path, token) {
    const { error } = await this.#ask(`${url}${path}`, token);
    return { name, ok: !error, reason: error ?? null };
  }

  async #ask(url, token) {
    try {
      return await json(url, { token, timeout: TIMEOUT });
    } catch (error) {
      return { error: error.message };
    }
  }
}

module.exports = { State };
