'use strict';
// A live stream with many readers: keeps the last events, so that a reader who was cut off gets what it
// missed, and lets go of a reader who is too slow rather than queueing for it without end.

const { frame } = require('./sse-server');
const { after, format, parsePosition, START } = require('./position');

const KEEP = 5000;
const BEHIND_BYTES = 1_000_000;

class Hub {
  constructor() {
    this.recent = [];
    this.readers = new Set();
    this.count = 0;
  }

  get latest() {
    return this.recent[this.recent.length - 1] ?? null;
  }

  publish(values) {
    this.recent.push(...values);
    this.count += values.length;
    if (this.recent.length > 2 * KEEP) this.recent = this.recent.slice(-KEEP);
    const text = values.map((value) => frame(format(value), JSON.stringify(value))).join('');
    for (const events of this.readers) {
      events.send(text);
      if (events.res.writableLength > BEHIND_BYTES) events.res.destroy();
    }
  }

  /** Without a last id a reader gets only what comes from now on. */
  join(events, lastId) {
    const position = parsePosition(lastId) ?? this.latest ?? START;
    const missed = this.recent.filter((value) => after(value, position));
    if (missed.length) events.send(missed.map((value) => frame(format(value), JSON.stringify(value))).join(''));
    this.readers.add(events);
    events.signal.addEventListener('abort', () => this.readers.delete(events));
  }
}

module.exports = { Hub };
