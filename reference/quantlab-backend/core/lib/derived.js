'use strict';
// What featurexd and labeld have in common: each turns one stream of every symbol into another. Live, one
// subscription for each symbol feeds a hub; for a past day, each request has a pipeline of its own.

const { subscribe } = require('./sse-client');
const { EventStream, frame } = require('./sse-server');
const { Hub } = require('./hub');
const { Need } = require('./need');
const { HttpError, healthRoute, send } = require('./service');
const { after, format, parsePosition, START } = require('./position');

/**
 * transform() gives a fresh function from one value to the values that follow from it. source(query)
 * gives the address of the stream that is read, token what it asks for.
 */
function derive({ needName, symbols, transform, source, token, signal }) {
  const hubs = new Map(symbols.map((symbol) => [symbol, new Hub()]));
  const needs = symbols.map((symbol) => new Need(`${needName} (${symbol})`));

  async function follow(symbol, need) {
    const apply = transform();
    // A minute of the past fills the windows, so that the first live values are whole.
    const url = source({ symbol, follow: 1, from: Date.now() - 60_000 });
    const options = { token, signal, live: true, state: (ok, reason) => need.set(ok, reason) };
    let last = START;
    for await (const batch of subscribe(url, options)) {
      // A source that was restarted begins its window anew, with values that we have already had.
      const fresh = batch.map(({ data }) => JSON.parse(data)).filter((value) => after(value, last));
      if (!fresh.length) continue;
      last = fresh[fresh.length - 1];
      const values = fresh.flatMap((value) => apply(value));
      if (values.length) hubs.get(symbol).publish(values);
    }
  }

  async function replay(req, res, query) {
    const apply = transform();
    const resume = parsePosition(req.headers['last-event-id']) ?? START;
    const abort = new AbortController();
    res.on('close', () => abort.abort());
    const batches = subscribe(source(query), { token, signal: abort.signal });
    let events = null;
    let sent = 0;
    let step = await first(batches);
    for (; !step.done; step = await batches.next()) {
      events ??= new EventStream(req, res);
      // The windows need the day from its start; who resumes is only spared what it has.
      const values = step.value.flatMap(({ data }) => apply(JSON.parse(data))).filter((value) => after(value, resume));
      sent += values.length;
      if (values.length) await events.send(values.map((value) => frame(format(value), JSON.stringify(value))).join(''));
    }
    events ??= new EventStream(req, res);
    if (step.value) events.end({ events: sent });
    else res.destroy();
  }

  function stream(req, res, { query }) {
    const { symbol, date, speed = '0' } = Object.fromEntries(query);
    if (date) return replay(req, res, { symbol, date, speed });
    const hub = hubs.get(symbol);
    if (!hub) throw new HttpError(404, `${symbol ?? 'no symbol'} is not followed`, { symbols });
    return hub.join(new EventStream(req, res), req.headers['last-event-id']);
  }

  function latest(req, res) {
    const state = [...hubs].map(([symbol, hub]) => [symbol, { count: hub.count, latest: hub.latest }]);
    send(res, 200, Object.fromEntries(state));
  }

  symbols.forEach((symbol, i) => follow(symbol, needs[i]));
  return { 'GET /health': healthRoute(needs), 'GET /stream': stream, 'GET /latest': latest };
}

/** What the source refuses, we refuse with the same status; a source that is away is a 502. */
async function first(batches) {
  try {
    return await batches.next();
  } catch (error) {
    throw new HttpError(error.status ?? 502, `source ${error.message}`);
  }
}

module.exports = { derive };
