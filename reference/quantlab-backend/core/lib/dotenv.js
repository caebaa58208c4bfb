'use strict';
// core/.env serves the programs that an operator runs by hand, where no unit has set the environment.
// What the environment already says wins.

const fs = require('node:fs');
const path = require('node:path');

const LINE = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(?:'([^']*)'|"([^"]*)"|(\S*))\s*$/;

function parseDotenv(text) {
  const values = {};
  for (const line of text.split('\n')) {
    const match = LINE.exec(line.trim());
    if (match) values[match[1]] = match[2] ?? match[3] ?? match[4];
  }
  return values;
}

function environment(file = path.join(__dirname, '..', '.env')) {
  if (!fs.existsSync(file)) return process.env;
  try {
    return { ...parseDotenv(fs.readFileSync(file, 'utf8')), ...process.env };
  } catch (error) {
    // In the units' sandbox it is hidden on purpose, and the environment holds all of it.
    const why = error.code === 'EACCES' ? 'is not for this process' : `cannot be read (${error.code})`;
    process.stderr.write(`${file} ${why}: settings are those of the environment\n`);
    return process.env;
  }
}

module.exports = { environment, parseDotenv };
