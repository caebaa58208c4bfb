'use strict';
// observer: watches the runs, marks those that stopped showing life, and archives finished ones to S3.
// What it finds goes into a mark beside the run, never into the run: that file is strategyd's.

const fs = require('node:fs');
const log = require('../lib/log');
const { read, refuse, S3: S3_SPEC } = require('../lib/settings');
const { Need } = require('../lib/need');
const { Runs, DEFAULT_DIR } = require('../lib/runs');
const { S3 } = require('../lib/s3');
const { onStop } = require('../lib/service');
const { backoff, sleep } = require('../lib/time');

const settings = read('observer', {
  ...S3_SPEC,
  archive: ['RUN_ARCHIVE_ENABLED', 'flag'],
  archiveBucket: ['RUN_ARCHIVE_S3_BUCKET', 'text'],
  dir: ['RUNS_DIR', 'text', DEFAULT_DIR],
  stallMs: ['RUN_STALL_MS', 'number', 10_000],
  everyMs: ['OBSERVE_MS', 'number', 1000],
});
const ENDED = ['finished', 'failed'];
const stopping = new AbortController();
const runs = new Runs(settings.dir);
const s3 = new S3({ ...settings, bucket: settings.archiveBucket });
const archive = new Need('run archive');

function checkStall(run) {
  const silent = Date.now() - Date.parse(run.updated_at);
  const stalled = run.status === 'running' && silent > settings.stallMs;
  if (stalled === Boolean(run.observed.stalled_since)) return;
  log.warn(stalled ? 'run has stalled' : 'run is no longer stalled', { run: run.id });
  const mark = { ...run.observed, stalled_since: stalled ? run.updated_at : undefined };
  runs.mark(run.id, mark);
}

async function archiveRun(run) {
  const { observed, ...content } = run;
  const key = `runs/date=${run.date}/${run.id}.json`;
  await s3.put(key, Buffer.from(`${JSON.stringify(content)}\n`));
  runs.mark(run.id, { ...observed, archived_at: new Date().toISOString(), archived_as: `s3://${settings.archiveBucket}/${key}` });
  log.info('run archived', { run: run.id, key });
}

async function look() {
  for (const run of runs.list()) {
    if (stopping.signal.aborted) return;
    checkStall(run);
    const due = ENDED.includes(run.status) && !run.trial && !run.observed.archived_at;
    if (settings.archive && due) await archiveRun(runs.get(run.id));
  }
}

async function main() {
  const retry = backoff();
  while (!stopping.signal.aborted) {
    try {
      await look();
      if (settings.archive) archive.set(true);
      retry.reset();
      await sleep(settings.everyMs, stopping.signal);
    } catch (error) {
      archive.set(false, error.message);
      await retry.wait(stopping.signal);
    }
  }
}

onStop('observer', () => stopping.abort());
try {
  fs.mkdirSync(settings.dir, { recursive: true });
  fs.accessSync(settings.dir, fs.constants.W_OK);
} catch (error) {
  refuse('observer', `RUNS_DIR ${settings.dir} is not usable: ${error.code}`);
}
log.info('observer watches the runs', { dir: settings.dir, archive: settings.archive });
main();
