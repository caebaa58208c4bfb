'use strict';
// Adds to each feature the return of the mid over the horizon ahead of it. A feature waits until the
// horizon has passed; when the market was silent for too long just then, it gets no label at all,
// because a return over another span would be a wrong one.

function labelMaker(horizonMs) {
  let waiting = [];

  return function labels(feature) {
    const done = [];
    let i = 0;
    for (; i < waiting.length && feature.ts - waiting[i].ts >= horizonMs; i += 1) {
      const late = feature.ts - waiting[i].ts - horizonMs;
      if (late < horizonMs) {
        done.push({ ...waiting[i], horizon_ms: horizonMs, forward_return: feature.mid / waiting[i].mid - 1 });
      }
    }
    if (i) waiting = waiting.slice(i);
    waiting.push(feature);
    return done;
  };
}

module.exports = { labelMaker };
