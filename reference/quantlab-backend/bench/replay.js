'use strict';
// Measures replayd on a day of millions of updates, to one client, on one core:
//
//   node bench/replay.js [--updates 5000000] [--span 3600]
//
// span: seconds of market in one object of the day; 10 is what the collector writes.
//
// Fails when it holds more than 150 MB or sends fewer than 100,000 updates a second, and when a client
// that reads next to nothing makes it hold more. Needs taskset (util-linux) and two cores.

const fs = require('node:fs');
const { spawnSync } = require('node:child_process');
const { parseArgs } = require('node:util');
const { open } = require('../core/lib/http');
const { sleep } = require('../core/lib/time');
const { Stack } = require('../tests/stack');

const MB = 150;
const PER_SECOND = 100_000;

const { values } = parseArgs({ options: { updates: { type: 'string', default: '5000000' }, span: { type: 'string', default: '3600' } } });
const rate = Math.ceil(Number(values.updates) / 86_400);

function run(command, args) {
  const { status, stderr, error } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args[0]}: ${error?.message ?? stderr}`);
}

/** The most that the process ever held, by the kernel's own account. */
function peakMb(pid) {
  return Number(/VmHWM:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
}

function cpuSeconds(pid) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function count(res) {
  let events = 0;
  let tail = '';
  for await (const chunk of res) {
    const text = tail + chunk.toString('latin1');
    for (let at = text.indexOf('\nid: '); at >= 0; at = text.indexOf('\nid: ', at + 1)) events += 1;
    tail = text.slice(-4);
  }
  return events;
}

async function main() {
  const stack = await Stack.create({}, ['--symbols', 'btcusdt', '--days', '1', '--rate', String(rate), '--span', values.span]);
  try {
    const { child } = await stack.start('replayd');
    run('taskset', ['--all-tasks', '--cpu-list', '--pid', '0', String(child.pid)]);
    run('taskset', ['--all-tasks', '--cpu-list', '--pid', '1', String(process.pid)]);
    const url = `${stack.url('replayd')}/stream?symbol=btcusdt&date=20260115`;

    const began = Date.now();
    const events = await count(await open(url, { token: 'replay-token', timeout: 600_000 }));
    const seconds = (Date.now() - began) / 1000;
    const perSecond = Math.round(events / seconds);
    const whole = peakMb(child.pid);
    process.stdout.write(`${events} updates in ${seconds.toFixed(1)} s: ${perSecond} a second, ${cpuSeconds(child.pid).toFixed(1)} s of CPU, ${whole.toFixed(0)} MB at most\n`);

    const lazy = await open(url, { token: 'replay-token', timeout: 600_000 });
    lazy.once('readable', () => lazy.read(1));
    await sleep(10_000);
    const slow = peakMb(child.pid);
    lazy.destroy();
    process.stdout.write(`with a client that does not read: ${slow.toFixed(0)} MB at most\n`);

    if (events < Number(values.updates) || perSecond < PER_SECOND || slow > MB) throw new Error('the mark is missed');
  } finally {
    await stack.down();
  }
}

main().then(() => process.exit(0), (error) => {
  process.stderr.write(`bench: ${error.message}\n`);
  process.exit(1);
});
