'use strict';
// Runs are JSON files, one for each, in one folder that strategyd writes and others read. A file is
// replaced whole: a reader never sees half of one. What the observer has to say about a run lies beside
// it in <id>.observed, so that no file has two writers.

const fs = require('node:fs');
const path = require('node:path');
const { randomBytes } = require('node:crypto');

const DEFAULT_DIR = path.join(__dirname, '..', '..', 'services', 'strategyd', 'runs');

const isId = (id) => /^[\w-]{1,80}$/.test(id);

/** Ids sort by the time at which they were given. */
function newId(prefix) {
  const time = new Date().toISOString().replace(/\D/g, '');
  return `${prefix}-${time}-${randomBytes(3).toString('hex')}`;
}

function writeJson(file, value) {
  const temporary = `${file}.${process.pid}.tmp`;
  const handle = fs.openSync(temporary, 'w', 0o640);
  try {
    fs.writeSync(handle, `${JSON.stringify(value)}\n`);
    fs.fsyncSync(handle);
  } finally {
    fs.closeSync(handle);
  }
  fs.renameSync(temporary, file);
}

/** null when there is no such file; a file that is not JSON is as good as none. */
function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return null;
    throw error;
  }
}

class Runs {
  #cache = new Map(); // file → { stamp, value }: hundreds of finished runs need not be read again

  constructor(dir = DEFAULT_DIR) {
    this.dir = dir;
  }

  file(id) {
    return path.join(this.dir, `${id}.json`);
  }

  markFile(id) {
    return path.join(this.dir, `${id}.observed`);
  }

  write(run) {
    writeJson(this.file(run.id), run);
  }

  remove(id) {
    for (const file of [this.file(id), this.markFile(id)]) fs.rmSync(file, { force: true });
  }

  mark(id, value) {
    writeJson(this.markFile(id), value);
  }

  get(id) {
    const run = isId(id) ? this.#read(this.file(id)) : null;
    return run && { ...run, observed: this.#read(this.markFile(id)) ?? {} };
  }

  /** Newest first: ids begin with the time. */
  list() {
    const ids = fs.readdirSync(this.dir).filter((name) => name.endsWith('.json')).map((name) => name.slice(0, -5));
    return ids.sort().reverse().map((id) => this.get(id)).filter(Boolean);
  }

  #read(file) {
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    if (!stat) {
      this.#cache.delete(file);
      return null;
    }
    const stamp = `${stat.ino}:${stat.mtimeMs}`;
    const known = this.#cache.get(file);
    if (known?.stamp === stamp) return known.value;
    const value = readJson(file);
    this.#cache.set(file, { stamp, value });
    return value;
  }
}

module.exports = { Runs, newId, isId, writeJson, readJson, DEFAULT_DIR };
