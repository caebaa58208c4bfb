'use strict';
// Where market data lies in the bucket, and how the name of an object tells what is in it:
// <first ts>-<first u>-<last ts>-<last u>.ndjson.gz, so that a reader opens only what it needs.

const ROOT = 'exchange=binance/stream=bbo/';

const dayPrefix = (symbol, date) => `${ROOT}symbol=${symbol}/date=${date}/`;

const NAME = /\/(\d+)-(\d+)-(\d+)-(\d+)\.ndjson\.gz$/;

function parseKey(key) {
  const match = NAME.exec(key);
  if (!match) return null;
  const [firstTs, firstU, lastTs, lastU] = match.slice(1).map(Number);
  return { key, first: { ts: firstTs, u: firstU }, last: { ts: lastTs, u: lastU } };
}

function objectKey(symbol, date, first, last) {
  return `${dayPrefix(symbol, date)}${first.ts}-${first.u}-${last.ts}-${last.u}.ndjson.gz`;
}

const isSymbol = (symbol) => /^[a-z0-9]{2,20}$/.test(symbol ?? '');

const names = (folders, label) => folders.map((folder) => folder.split(`${label}=`).pop().replace('/', ''));

const symbols = async (s3) => names((await s3.list(ROOT, { delimiter: '/' })).folders, 'symbol');

async function dates(s3, symbol) {
  return names((await s3.list(`${ROOT}symbol=${symbol}/`, { delimiter: '/' })).folders, 'date');
}

module.exports = { ROOT, dayPrefix, parseKey, objectKey, isSymbol, symbols, dates };
