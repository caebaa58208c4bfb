'use strict';
// Fills the bucket with generated market days, so that replay, backtest and ML have something to read.
// The same arguments give the same bytes under the same names: running it twice changes nothing.
//
//   node tools/seed.js [--symbols btcusdt,ethusdt] [--from 20260115] [--days 3] [--rate 1]
//
// S3_COMPACT_* and AWS_* come from the environment, or from core/.env. `npm ci` in core comes first.

const zlib = require('node:zlib');
const { parseArgs } = require('node:util');
const { environment } = require('../core/lib/dotenv');
const { read, S3: S3_SPEC } = require('../core/lib/settings');
const { dayPrefix, objectKey } = require('../core/lib/market');
const { S3 } = require('../core/lib/s3');
const { DAY, dateOf, startOf } = require('../core/lib/time');

const HOUR = 3_600_000;
const PRICES = { btcusdt: 95_000, ethusdt: 3_300 };

/** A small seeded generator (xorshift); text as seed, numbers in [0, 1). */
function chance(seed) {
  let state = [...seed].reduce((hash, c) => Math.imul(hash ^ c.charCodeAt(0), 16_777_619), 2_166_136_261) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4_294_967_296;
  };
}

/** An hour of a symbol's market: a random walk with a drift that lasts, so that there is something to learn. */
function hourOf(market, start, rate) {
  const lines = [];
  const step = 1000 / rate;
  for (let ts = start; ts < start + HOUR; ts += step) {
    market.drift = 0.98 * market.drift + (market.random() - 0.5) * 4e-6;
    market.price *= 1 + market.drift + (market.random() - 0.5) * 2e-5;
    market.u += 1;
    const half = market.price * 1e-5 * (0.5 + market.random());
    const lean = Math.max(-0.9, Math.min(0.9, market.drift * 1e5));
    const size = 1 + 4 * market.random();
    lines.push(`{"ts":${Math.round(ts)},"u":${market.u},"b":"${(market.price - half).toFixed(2)}","B":"${(size * (1 + lean)).toFixed(3)}",`
      + `"a":"${(market.price + half).toFixed(2)}","A":"${(size * (1 - lean)).toFixed(3)}"}`);
  }
  return lines;
}

function ends(lines) {
  const [first, last] = [JSON.parse(lines[0]), JSON.parse(lines[lines.length - 1])];
  return [first, last];
}

async function seedDay(s3, symbol, date, rate) {
  const market = { random: chance(`${symbol}${date}`), price: PRICES[symbol] ?? 100, drift: 0, u: startOf(date) / 1000 };
  const present = new Set((await s3.list(dayPrefix(symbol, date))).keys);
  let written = 0;
  for (let start = startOf(date); start < startOf(date) + DAY; start += HOUR) {
    const lines = hourOf(market, start, rate);
    const key = objectKey(symbol, date, ...ends(lines));
    if (present.has(key)) continue;
    await s3.put(key, zlib.gzipSync(`${lines.join('\n')}\n`));
    written += lines.length;
  }
  return written;
}

async function main() {
  const { values } = parseArgs({
    options: {
      symbols: { type: 'string', default: 'btcusdt,ethusdt' },
      from: { type: 'string', default: '20260115' },
      days: { type: 'string', default: '3' },
      rate: { type: 'string', default: '1' },
    },
  });
  const [begin, days, rate] = [startOf(values.from), Number(values.days), Number(values.rate)];
  if (!(begin > 0 && days > 0 && rate > 0)) throw new Error('--from must be a day, --days and --rate numbers above 0');
  const s3 = new S3(read('seed', S3_SPEC, environment()));
  for (let day = 0; day < days; day += 1) {
    for (const symbol of values.symbols.split(',')) {
      const date = dateOf(begin + day * DAY);
      const written = await seedDay(s3, symbol, date, rate);
      process.stdout.write(`${symbol} ${date}: ${written ? `${written} updates written` : 'is there already'}\n`);
    }
  }
}

main().then(() => process.exit(0), (error) => {
  process.stderr.write(`seed: ${error.message}\n`);
  process.exit(1);
});
