'use strict';
// One JSON object a line on stdout. Under systemd, warnings and errors also carry the journal's
// priority prefix, so that `journalctl -p err` finds them; a file never gets that prefix.

const fs = require('node:fs');

const PRIORITY = { error: '<3>', warn: '<4>', info: '' };

function stdoutIsJournal() {
  if (!process.env.JOURNAL_STREAM) return false;
  const { dev, ino } = fs.fstatSync(1);
  return process.env.JOURNAL_STREAM === `${dev}:${ino}`;
}

const journal = stdoutIsJournal();
const sinks = [];

function write(level, message, fields = {}) {
  const line = JSON.stringify({ time: new Date().toISOString(), level, message, ...fields });
  process.stdout.write(`${journal ? PRIORITY[level] : ''}${line}\n`);
  for (const sink of sinks) {
    try {
      sink(`${line}\n`);
    } catch (error) { // a full disk must not end the service; the line is on stdout
      process.stderr.write(`the log could not be copied: ${error.message}\n`);
    }
  }
}

module.exports = {
  info: (message, fields) => write('info', message, fields),
  warn: (message, fields) => write('warn', message, fields),
  error: (message, fields) => write('error', message, fields),
  /** Copies every line to one more place. */
  also: (sink) => sinks.push(sink),
};
