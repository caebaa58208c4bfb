'use strict';
// A day as a stream: finds its objects, survives a failing S3, and, when asked to follow, goes on with
// what the collector adds, past midnight into the next day.

const log = require('../lib/log');
const { dates, dayPrefix, parseKey } = require('../lib/market');
const { after, START } = require('../lib/position');
const { backoff, dateOf, sleep } = require('../lib/time');
const { merge } = require('./day');

const TRIES = 5;

async function objectsOf(s3, symbol, date, startAfter) {
  const { keys } = await s3.list(dayPrefix(symbol, date), { startAfter });
  const objects = keys.map(parseKey).filter(Boolean);
  if (objects.length < keys.length) log.warn('objects with foreign names are left out', { symbol, date });
  return objects.sort((a, b) => (after(a.first, b.first) ? 1 : -1));
}

/** The day to go on with: the next one that the collector has begun. */
async function nextDate(s3, symbol, date) {
  if (date >= dateOf(Date.now())) return null;
  return (await dates(s3, symbol)).sort().find((other) => other > date) ?? null;
}

async function* updates(s3, { symbol, date, from = START, follow = false, pollMs = 1000, signal }) {
  const retry = backoff();
  let last = from;
  let seen; // listing goes on after this key: a day has thousands, and following asks every second
  let failures = 0;
  while (!signal.aborted) {
    try {
      const next = follow ? await nextDate(s3, symbol, date) : null;
      const objects = await objectsOf(s3, symbol, date, seen);
      for await (const batch of merge(s3, objects.filter((object) => after(object.last, last)), last, signal)) {
        last = batch[batch.length - 1];
        failures = 0;
        yield batch;
      }
      if (!follow) return;
      retry.reset();
      if (objects.length) seen = objects[objects.length - 1].key;
      if (next) [date, seen] = [next, undefined];
      else await sleep(pollMs, signal);
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      log.warn('reading from S3 failed', { symbol, date, failures, reason: error.message });
      if (!follow && failures >= TRIES) throw error;
      await retry.wait(signal);
    }
  }
}

module.exports = { updates };
