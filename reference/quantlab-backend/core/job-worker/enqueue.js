'use strict';
// Puts a job into the queue: node enqueue.js sweep '{"symbol":"btcusdt","date":"20260115"}'

const path = require('node:path');
const { newId, writeJson } = require('../lib/runs');

const [script, args = '{}'] = process.argv.slice(2);
const dir = process.env.QUEUE_DIR || path.join(__dirname, 'queue');

try {
  if (!script) throw new Error('usage: enqueue.js SCRIPT [ARGUMENTS AS JSON]');
  const id = newId('job');
  writeJson(path.join(dir, 'pending', `${id}.json`), { script, args: JSON.parse(args), queued_at: new Date().toISOString() });
  process.stdout.write(`${id}\n`);
} catch (error) {
  process.stderr.write(`enqueue: ${error.message}\n`);
  process.exit(1);
}
