'use strict';
// Sends updates at the chosen speed: 1 is as they happened, 60 an hour in a minute, 0 without waiting.

const { frame } = require('../lib/sse-server');
const { sleep } = require('../lib/time');

const CHUNK = 65_536; // bytes in one write: large enough to be cheap, small enough to hold for each client

async function play(source, events, speed) {
  let sent = 0;
  let origin = null;
  let text = '';
  const flush = async () => {
    const ready = text;
    text = '';
    if (ready) await events.send(ready);
  };
  for await (const batch of source) {
    for (const { ts, u, line } of batch) {
      if (speed > 0) {
        origin ??= { ts, now: Date.now() };
        const wait = origin.now + (ts - origin.ts) / speed - Date.now();
        if (wait > 1) {
          await flush();
          await sleep(wait, events.signal);
        }
      }
      text += frame(`${ts}-${u}`, line);
      sent += 1;
      if (text.length > CHUNK) await flush();
      if (events.closed) return sent;
    }
    await flush();
  }
  return sent;
}

module.exports = { play };
