'use strict';
// Trains one small model for each symbol on a day's labelled features, and keeps model and metrics in S3.
//
//   node scheduler/run_daily_ml.js --symbol btcusdt[,ethusdt] [--date 20260115] [--dry-run]
//
// Without --date: yesterday (UTC), the last whole day. A dry run trains, but writes nothing to S3.
// Exit code: 0 done, 1 failed, 2 wrong arguments, 78 wrong settings.

const { parseArgs } = require('node:util');
const log = require('../lib/log');
const { environment } = require('../lib/dotenv');
const { read, S3: S3_SPEC } = require('../lib/settings');
const { isSymbol } = require('../lib/market');
const { S3 } = require('../lib/s3');
const { subscribe } = require('../lib/sse-client');
const { DAY, dateOf, startOf } = require('../lib/time');
const { Sample, train } = require('./model');

function options() {
  const { values } = parseArgs({
    options: {
      symbol: { type: 'string' },
      date: { type: 'string', default: dateOf(Date.now() - DAY) },
      'dry-run': { type: 'boolean', default: false },
    },
  });
  const symbols = (values.symbol ?? '').split(',');
  if (!symbols.every(isSymbol)) throw new Error('--symbol is missing or not a symbol');
  if (Number.isNaN(startOf(values.date))) throw new Error('--date must be a day as YYYYMMDD');
  return { ...values, symbols, dryRun: values['dry-run'] };
}

function wrongArguments(error) {
  process.stderr.write(`run_daily_ml: ${error.message}\n`);
  process.exit(2);
}

async function collect(labeld, symbol, date) {
  const sample = new Sample();
  const query = new URLSearchParams({ symbol, date });
  for await (const batch of subscribe(`${labeld}/stream?${query}`)) {
    for (const { data } of batch) sample.add(JSON.parse(data));
  }
  return sample;
}

async function run(symbol, { date, dryRun }, settings) {
  const started = Date.now();
  const sample = await collect(settings.labeld, symbol, date);
  const { model, metrics } = train(sample);
  const about = { symbol, date, ...metrics };
  if (!dryRun) {
    const s3 = new S3(settings);
    const prefix = `models/symbol=${symbol}/date=${date}/`;
    await s3.put(`${prefix}model.json`, Buffer.from(JSON.stringify({ symbol, date, ...model })));
    await s3.put(`${prefix}metrics.json`, Buffer.from(JSON.stringify(about)));
  }
  log.info(dryRun ? 'trained; dry run, nothing written' : 'trained', { ...about, ms: Date.now() - started });
}

async function main() {
  let wanted;
  try {
    wanted = options();
  } catch (error) {
    wrongArguments(error);
  }
  const settings = read('run_daily_ml', { ...S3_SPEC, labeld: ['LABELD_URL', 'url'] }, environment());
  let failed = 0;
  for (const symbol of wanted.symbols) {
    try {
      await run(symbol, wanted, settings);
    } catch (error) {
      failed += 1;
      log.error('training failed', { symbol, date: wanted.date, reason: error.message });
    }
  }
  process.exit(failed ? 1 : 0);
}

main();
