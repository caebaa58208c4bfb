'use strict';
// replayd: streams recorded market data from S3 as server-sent events.

const { read, HTTP, S3: S3_SPEC } = require('../lib/settings');
const { Need, watch } = require('../lib/need');
const { S3 } = require('../lib/s3');
const { EventStream } = require('../lib/sse-server');
const { bearer, healthRoute, send, serve, HttpError } = require('../lib/service');
const { dates, dayPrefix, isSymbol, symbols } = require('../lib/market');
const { parsePosition, START } = require('../lib/position');
const { dateOf, startOf } = require('../lib/time');
const { updates } = require('./updates');
const { play } = require('./play');

const settings = read('replayd', {
  ...HTTP, ...S3_SPEC,
  token: ['REPLAYD_TOKEN', 'text'],
  pollMs: ['FOLLOW_POLL_MS', 'number', 1000],
  checkMs: ['S3_CHECK_MS', 'number', 3000],
});
const s3 = new S3(settings);
const stopping = new AbortController();
const storage = new Need('S3');

/** Reads the question, or says what is wrong with it. */
function request(query, headers) {
  const symbol = query.get('symbol');
  const follow = query.get('follow') === '1';
  const from = Number(query.get('from') ?? 0);
  const date = query.get('date') ?? (follow ? dateOf(from || Date.now()) : '');
  const speed = Number(query.get('speed') ?? 0);
  const id = headers['last-event-id'];
  const position = parsePosition(id);
  if (!isSymbol(symbol)) throw new HttpError(400, 'symbol is missing or not a symbol');
  if (Number.isNaN(startOf(date))) throw new HttpError(400, 'date must be a day as YYYYMMDD');
  if (!(speed >= 0)) throw new HttpError(400, 'speed must be a number; 0 is as fast as possible');
  if (!(from >= 0)) throw new HttpError(400, 'from must be a time in ms');
  if (id && !position) throw new HttpError(400, 'Last-Event-ID is not one of ours');
  const begin = from ? { ts: from - 1, u: Infinity } : START;
  return { symbol, date, speed, follow, from: position ?? begin };
}

async function refuseUnknown({ symbol, date }) {
  const { keys } = await s3.page(dayPrefix(symbol, date), { max: 1 });
  if (keys.length) return;
  const known = await symbols(s3);
  const more = known.includes(symbol) ? { dates: await dates(s3, symbol) } : { symbols: known };
  throw new HttpError(404, `there is no data of ${symbol} on ${date}`, more);
}

async function stream(req, res, { query }) {
  const wanted = request(query, req.headers);
  if (!wanted.follow) await refuseUnknown(wanted);
  // A day that was followed to its end goes on in the next one, where the last event was.
  if (wanted.follow && wanted.from.ts > 0) wanted.date = dateOf(Math.max(wanted.from.ts, startOf(wanted.date)));
  const events = new EventStream(req, res);
  const source = updates(s3, { ...wanted, pollMs: settings.pollMs, signal: events.signal });
  const sent = await play(source, events, wanted.speed);
  events.end({ updates: sent });
}

/** A quiet stream that lives as long as replayd does: who needs replayd learns of its end at once. */
function presence(req, res) {
  new EventStream(req, res).send(`event: replayd\ndata: ${JSON.stringify({ pid: process.pid })}\n\n`);
}

async function catalogue(req, res) {
  const found = {};
  for (const symbol of await symbols(s3)) found[symbol] = await dates(s3, symbol);
  send(res, 200, { symbols: found });
}

serve({
  name: 'replayd',
  ...settings,
  routes: {
    'GET /health': healthRoute([storage]),
    'GET /stream': bearer(settings.token, stream),
    'GET /presence': bearer(settings.token, presence),
    'GET /symbols': bearer(settings.token, catalogue),
  },
  stop: () => stopping.abort(),
});
watch(storage, () => s3.check(), settings.checkMs, stopping.signal);
