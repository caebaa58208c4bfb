'use strict';
// Says whether the market data can be reached, and if not, which setting is to blame. One line for each
// step; the steps build on each other, so the first failure is the answer. Exit code 0, 1, or 78.

const { environment } = require('../../lib/dotenv');
const { read, S3: S3_SPEC } = require('../../lib/settings');
const { S3 } = require('../../lib/s3');
const { ROOT } = require('../../lib/market');

const settings = read('verify-credentials', S3_SPEC, environment());
const s3 = new S3(settings);

const BLAME = {
  InvalidAccessKeyId: ['credentials', 'AWS_ACCESS_KEY_ID is not known there'],
  SignatureDoesNotMatch: ['credentials', 'AWS_SECRET_ACCESS_KEY does not belong to AWS_ACCESS_KEY_ID'],
  RequestTimeTooSkewed: ['credentials', 'the clock of this host is wrong'],
  AccessDenied: ['credentials', 'they may not list this bucket'],
  AuthorizationHeaderMalformed: ['credentials', 'AWS_REGION is not the region of the bucket'],
  NoSuchBucket: ['bucket', `there is no bucket ${settings.bucket} (S3_COMPACT_BUCKET)`],
};
const STEPS = ['endpoint', 'credentials', 'bucket', 'prefix'];

function say(step, ok, text) {
  process.stdout.write(`${ok ? 'ok    ' : 'WRONG '} ${step.padEnd(12)} ${text}\n`);
}

async function find() {
  try {
    const { folders } = await s3.page(ROOT, { delimiter: '/' });
    return folders.length ? null : ['prefix', `nothing under ${ROOT}`];
  } catch (error) {
    if (error.httpStatus === undefined) return ['endpoint', `${settings.endpoint} (S3_COMPACT_ENDPOINT): ${error.message}`];
    return BLAME[error.code] ?? ['endpoint', `${settings.endpoint} does not answer as S3 does: ${error.message}`];
  }
}

async function main() {
  const texts = { endpoint: settings.endpoint, credentials: 'accepted', bucket: settings.bucket, prefix: ROOT };
  const wrong = await find();
  const good = wrong ? STEPS.slice(0, STEPS.indexOf(wrong[0])) : STEPS;
  for (const step of good) say(step, true, texts[step]);
  if (wrong) say(wrong[0], false, wrong[1]);
  process.exit(wrong ? 1 : 0);
}

main();
