'use strict';
// Client side of an event stream. Hands on events in batches, as they came from the network, and after
// a cut goes on from the last event that it handed on: the consumer never sees the cut.

const { open, text, decode } = require('./http');
const { backoff } = require('./time');

const IDLE_MS = 15_000;
const PATIENCE_MS = 30_000;

/** Turns the bytes of a stream into batches of { event, id, data }. */
async function* parse(res) {
  let rest = '';
  res.setEncoding('utf8');
  for await (const chunk of res) {
    const content = rest + chunk;
    const whole = content.lastIndexOf('\n\n');
    if (whole < 0) {
      rest = content;
      continue;
    }
    rest = content.slice(whole + 2);
    const events = [];
    for (const block of content.slice(0, whole).split('\n\n')) {
      const event = { event: 'message', id: null, data: '' };
      for (const line of block.split('\n')) {
        if (line.startsWith('data: ')) event.data = line.slice(6);
        else if (line.startsWith('id: ')) event.id = line.slice(4);
        else if (line.startsWith('event: ')) event.event = line.slice(7);
      }
      if (event.data) events.push(event);
    }
    yield events;
  }
}

async function connect(url, { token, lastId, signal }) {
  const headers = lastId ? { 'Last-Event-ID': lastId } : {};
  // A stream keeps its connection to itself: pooling it would only delay its end.
  const res = await open(url, { token, headers, signal, agent: false, timeout: IDLE_MS });
  if (res.statusCode !== 200) decode(res.statusCode, await text(res));
  return res;
}

const refused = (error) => error.status >= 400 && error.status < 500;

/**
 * live: there is always more to come, so nothing is final, not even a refusal. Otherwise a refusal
 * (no such data, wrong token) is thrown, and so is a cut that lasts longer than our patience.
 * state(ok, reason) hears of every change of the connection. Returns the server's closing summary.
 */
async function* subscribe(url, { token, lastId = '', signal, live = false, state = () => {} } = {}) {
  const retry = backoff();
  let alive = Date.now();
  while (!signal?.aborted) {
    let res = null;
    try {
      res = await connect(url, { token, lastId, signal });
      state(true);
      for await (const events of parse(res)) {
        retry.reset();
        alive = Date.now();
        const last = events[events.length - 1];
        const ended = last?.event === 'end';
        const batch = ended ? events.slice(0, -1) : events;
        if (batch.length) {
          lastId = batch[batch.length - 1].id ?? lastId;
          yield batch;
        }
        if (ended) return JSON.parse(last.data);
      }
      throw new Error('stream was cut');
    } catch (error) {
      if (signal?.aborted) return null;
      state(false, error.message);
      if (!live && (refused(error) || Date.now() - alive > PATIENCE_MS)) throw error;
    } finally {
      res?.destroy();
    }
    await retry.wait(signal);
  }
  return null;
}

module.exports = { subscribe, parse };
