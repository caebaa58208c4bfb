'use strict';
// job-worker: takes jobs from the queue folder and runs their strategy scripts, each in a process of its
// own with limits. A job is a file; its state is the folder that it lies in, changed by renaming:
// pending → running → done or failed. A job that was interrupted goes back to pending.

const path = require('node:path');
const log = require('../lib/log');
const { read, refuse } = require('../lib/settings');
const { onStop } = require('../lib/service');
const { sleep } = require('../lib/time');
const { Queue } = require('./queue');
const { runScript } = require('./script');

const settings = read('job-worker', {
  strategyd: ['STRATEGYD_URL', 'url'],
  token: ['STRATEGYD_TOKEN', 'text'],
  dir: ['QUEUE_DIR', 'text', path.join(__dirname, 'queue')],
  concurrency: ['WORKER_CONCURRENCY', 'number', 2],
  timeoutMs: ['JOB_TIMEOUT_MS', 'number', 600_000],
  memoryMb: ['JOB_MEMORY_MB', 'number', 256],
});
const stopping = new AbortController();
const active = new Set();

function openQueue() {
  try {
    return new Queue(settings.dir);
  } catch (error) {
    return refuse('job-worker', `QUEUE_DIR ${settings.dir} is not usable: ${error.code}`);
  }
}

const queue = openQueue();

async function work(job) {
  log.info('job starts', { job: job.id, script: job.script, attempt: job.attempts });
  const outcome = await runScript(job, settings, stopping.signal);
  if (stopping.signal.aborted) return queue.giveBack(job);
  log[outcome.ok ? 'info' : 'warn']('job ended', { job: job.id, ok: outcome.ok, reason: outcome.reason });
  return queue.finish(job, outcome);
}

async function main() {
  while (!stopping.signal.aborted) {
    while (active.size < settings.concurrency) {
      const job = queue.take();
      if (!job) break;
      const running = work(job)
        .catch((error) => log.error('job is lost from sight', { job: job.id, reason: error.message }))
        .finally(() => active.delete(running));
      active.add(running);
    }
    await sleep(200, stopping.signal);
  }
}

onStop('job-worker', async () => {
  stopping.abort();
  await Promise.all(active);
});
log.info('job-worker waits for jobs', { queue: settings.dir });
main();
