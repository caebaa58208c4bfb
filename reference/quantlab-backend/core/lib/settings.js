'use strict';
// Settings come from the environment, secrets also from files that it names. All that is missing or wrong is named in one
// line before anything is opened, and the exit code is 78 (EX_CONFIG), so that systemd and the
// operator can tell a bad setting from a crash. Values are never shown: some of them are secrets.

const fs = require('node:fs');
const path = require('node:path');

const EX_CONFIG = 78;

const kinds = {
  text: (value) => value,
  port: (value) => {
    const port = Number(value);
    if (!/^\d+$/.test(value) || port < 1 || port > 65535) throw new Error('is not a port');
    return port;
  },
  number: (value) => {
    const number = Number(value);
    if (value.trim() === '' || !Number.isFinite(number) || number < 0) throw new Error('is not a number from 0 up');
    return number;
  },
  flag: (value) => {
    if (value !== 'true' && value !== 'false') throw new Error('must be true or false');
    return value === 'true';
  },
  url: (value) => {
    if (!/^https?:\/\/[^\s/]+/.test(value)) throw new Error('is not an http address');
    return value.replace(/\/+$/, '');
  },
  list: (value) => value.split(',').map((item) => item.trim()).filter(Boolean),
};

/** A secret that an env file cannot hold comes as a file: a credential of the unit, or what NAME_FILE names. */
function given(variable, env) {
  if (env[variable]) return env[variable];
  const credential = env.CREDENTIALS_DIRECTORY && path.join(env.CREDENTIALS_DIRECTORY, variable);
  const file = [credential, env[`${variable}_FILE`]].find((name) => name && fs.existsSync(name));
  return file && fs.readFileSync(file, 'utf8');
}

/** spec: { field: [VARIABLE, kind, fallback?] }; an empty variable counts as missing. */
function parse(spec, env) {
  const settings = {};
  const problems = [];
  for (const [field, [variable, kind, fallback]] of Object.entries(spec)) {
    const value = given(variable, env);
    if (value === undefined || value === '') {
      if (fallback === undefined) problems.push(`${variable} is missing`);
      settings[field] = fallback;
      continue;
    }
    try {
      settings[field] = kinds[kind](value);
    } catch (error) {
      problems.push(`${variable} ${error.message}`);
    }
  }
  return { settings, problems };
}

function read(service, spec, env = process.env) {
  const { settings, problems } = parse(spec, env);
  if (problems.length) refuse(service, problems.join('; '));
  return settings;
}

function refuse(service, problem) {
  process.stderr.write(`${service}: cannot start: ${problem}\n`);
  process.exit(EX_CONFIG);
}

const HTTP = { listen: ['LISTEN', 'text'], port: ['PORT', 'port'] };

const S3 = {
  bucket: ['S3_COMPACT_BUCKET', 'text'],
  endpoint: ['S3_COMPACT_ENDPOINT', 'url'],
  accessKeyId: ['AWS_ACCESS_KEY_ID', 'text'],
  secretAccessKey: ['AWS_SECRET_ACCESS_KEY', 'text'],
  region: ['AWS_REGION', 'text', 'us-east-1'],
};

module.exports = { parse, read, refuse, HTTP, S3 };
