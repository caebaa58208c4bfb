'use strict';
// A need is something that a service cannot work without (S3, the stream that it reads, ...).
// Health is the sum of the needs: kept current in the background, so that asking for it is cheap.

const log = require('./log');
const { backoff, sleep } = require('./time');

class Need {
  constructor(name) {
    this.name = name;
    this.ok = false;
    this.reason = `${name}: not tried yet`;
    this.known = new Promise((resolve) => { this.#settle = resolve; });
  }

  #settle;

  set(ok, reason = '') {
    const text = ok ? '' : `${this.name}: ${reason}`;
    if (ok !== this.ok || text !== this.reason) {
      if (ok) log.info(`${this.name}: ready`);
      else log.warn(text);
    }
    this.ok = ok;
    this.reason = text;
    this.#settle();
  }
}

/** Tries at once, then every few seconds; while it fails, with back-off, to notice the cure early. */
async function watch(need, check, everyMs, signal) {
  const retry = backoff();
  while (!signal.aborted) {
    try {
      await check();
      need.set(true);
      retry.reset();
      await sleep(everyMs, signal);
    } catch (error) {
      if (!signal.aborted) need.set(false, error.message);
      await retry.wait(signal);
    }
  }
}

/** A probe that comes before the first result waits for it a moment: better than a false alarm. */
async function health(needs) {
  await Promise.race([Promise.all(needs.map((need) => need.known)), sleep(300)]);
  const reasons = needs.filter((need) => !need.ok).map((need) => need.reason);
  return reasons.length
    ? { status: 'unhealthy', reason: reasons.join('; ') }
    : { status: 'ok', reason: null };
}

module.exports = { Need, watch, health };
