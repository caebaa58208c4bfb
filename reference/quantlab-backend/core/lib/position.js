'use strict';
// Every update has one place in the order of its symbol: its time in ms, then its number at the
// exchange. The place is the id of each SSE event, so that a stream can go on where it was cut.

const START = { ts: -1, u: -1 };

const after = (a, b) => a.ts > b.ts || (a.ts === b.ts && a.u > b.u);

const format = ({ ts, u }) => `${ts}-${u}`;

function parsePosition(id) {
  const match = /^(\d+)-(\d+)$/.exec(id ?? '');
  return match ? { ts: Number(match[1]), u: Number(match[2]) } : null;
}

module.exports = { START, after, format, parsePosition };
