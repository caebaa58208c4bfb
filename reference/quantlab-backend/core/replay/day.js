'use strict';
// The updates of one symbol and day, in time order, from the objects that the collector wrote. Objects
// of two collectors may overlap, so they are merged; each is opened only when its first update is due,
// and held by the piece, so that memory does not grow with the day.

const zlib = require('node:zlib');
const { after, START } = require('../lib/position');

const PREFIX = /^\{"ts":(\d+),"u":(\d+),/;

function record(line) {
  const match = PREFIX.exec(line);
  if (match) return { ts: Number(match[1]), u: Number(match[2]), line };
  const { ts, u } = JSON.parse(line);
  return { ts, u, line };
}

/** One open object: the piece in memory and where the merge stands in it. */
class Source {
  constructor(pieces) {
    this.pieces = pieces;
    this.rest = '';
    this.records = [];
    this.at = 0;
  }

  get head() {
    return this.records[this.at];
  }

  /** Loads the next piece; false at the end of the object. */
  async fill() {
    for (;;) {
      const { value, done } = await this.pieces.next();
      if (done && !this.rest) return false;
      const content = done ? `${this.rest}\n` : this.rest + value.toString('latin1');
      const whole = content.lastIndexOf('\n');
      this.rest = done ? '' : content.slice(whole + 1);
      if (whole <= 0) continue;
      this.records = content.slice(0, whole).split('\n').map(record);
      this.at = 0;
      return true;
    }
  }
}

async function* unzipped(s3, key, signal) {
  const res = await s3.get(key, { signal });
  const unzip = zlib.createGunzip({ chunkSize: 65_536 });
  res.on('error', (error) => unzip.destroy(error));
  res.on('aborted', () => unzip.destroy(new Error('S3 cut the object off')));
  try {
    yield* res.pipe(unzip);
  } finally {
    res.destroy();
    unzip.destroy();
  }
}

const first = (sources) => sources.reduce((best, source) => (after(best.head, source.head) ? source : best));

/** How far the earliest source may be read before another one has its turn. */
function limitOf(sources, source, waiting) {
  let limit = waiting[0]?.first ?? null;
  for (const other of sources) {
    if (other !== source && (!limit || after(limit, other.head))) limit = other.head;
  }
  return limit;
}

/** Batches of { ts, u, line } after `from`, each update once. */
async function* merge(s3, objects, from = START, signal = undefined) {
  const waiting = [...objects];
  let open = [];
  let last = from;
  try {
    while (open.length || waiting.length) {
      while (waiting.length && (!open.length || !after(waiting[0].first, first(open).head))) {
        const source = new Source(unzipped(s3, waiting.shift().key, signal));
        if (await source.fill()) open.push(source);
      }
      if (!open.length) continue;
      const source = first(open);
      const limit = limitOf(open, source, waiting);
      const batch = [];
      while (source.head && !(limit && after(source.head, limit))) {
        if (after(source.head, last)) batch.push(last = source.head);
        source.at += 1;
      }
      if (!source.head && !(await source.fill())) open = open.filter((other) => other !== source);
      if (batch.length) yield batch;
    }
  } finally {
    for (const source of open) await source.pieces.return();
  }
}

module.exports = { merge };
