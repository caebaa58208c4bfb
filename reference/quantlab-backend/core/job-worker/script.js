'use strict';
// Runs one script as a process group with a time limit, a heap limit and a limit on what it may print.
// It sees the settings that a script needs and nothing else of our environment.

const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');

const OUTPUT_LIMIT = 65_536;

const limit = (wanted, most) => (Number.isFinite(wanted) && wanted > 0 ? Math.min(wanted, most) : most);

function runScript(job, settings, signal) {
  const file = path.join(__dirname, 'strategies', `${job.script}.js`);
  if (!fs.existsSync(file)) return Promise.resolve({ ok: false, reason: `there is no script ${job.script}` });
  const timeoutMs = limit(job.timeout_ms, settings.timeoutMs);
  const heap = `--max-old-space-size=${Math.ceil(limit(job.memory_mb, settings.memoryMb))}`;
  const child = spawn(process.execPath, [heap, file, JSON.stringify(job.args ?? {})], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, STRATEGYD_URL: settings.strategyd, STRATEGYD_TOKEN: settings.token },
  });
  return watch(child, timeoutMs, signal);
}

function watch(child, timeoutMs, signal) {
  return new Promise((resolve) => {
    let output = '';
    let complaint = '';
    let reason = null;
    const kill = (why) => {
      reason ??= why;
      // The whole group: a script may have started others. It may also just have ended by itself.
      if (child.pid && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
    };
    const stop = () => kill('stopped');
    const timer = setTimeout(() => kill(`took longer than ${timeoutMs} ms`), timeoutMs);
    signal.addEventListener('abort', stop);
    child.stdout.on('data', (chunk) => {
      output += chunk;
      if (output.length > OUTPUT_LIMIT) kill(`printed more than ${OUTPUT_LIMIT} bytes`);
    });
    child.stderr.on('data', (chunk) => { complaint = (complaint + chunk).slice(-2000); });
    child.on('error', (error) => { reason ??= `cannot be started: ${error.code}`; });
    child.on('close', (code, killedBy) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      if (code !== 0) reason ??= killedBy ? `was killed by ${killedBy}` : `exit code ${code}`;
      resolve({ ok: reason === null, reason, output: output.slice(0, OUTPUT_LIMIT), stderr: complaint });
    });
  });
}

module.exports = { runScript };
