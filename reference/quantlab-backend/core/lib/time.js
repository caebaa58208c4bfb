'use strict';

const DAY = 86_400_000;

/** Waits, but not longer than the signal allows: a stop must not wait for a timer. */
function sleep(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
    if (signal?.aborted) done();
    else signal?.addEventListener('abort', done);
  });
}

/** 100 ms, doubling to 2 s: quick enough for a restart, slow enough for an outage. */
function backoff() {
  let next = 100;
  return {
    reset: () => { next = 100; },
    wait: (signal) => {
      const ms = next;
      next = Math.min(next * 2, 2000);
      return sleep(ms, signal);
    },
  };
}

const dateOf = (ms) => new Date(ms).toISOString().slice(0, 10).replaceAll('-', '');

/** The start of a YYYYMMDD day in UTC, or NaN when there is no such day. */
function startOf(date) {
  const match = /^(\d{4})(\d{2})(\d{2})$/.exec(date);
  const ms = match ? Date.parse(`${match[1]}-${match[2]}-${match[3]}T00:00:00Z`) : NaN;
  return Number.isNaN(ms) || dateOf(ms) !== date ? NaN : ms;
}

module.exports = { DAY, sleep, backoff, dateOf, startOf };
