'use strict';
// A strategy script: tries a strategy with several windows on one day and prints which did best.
// Arguments: { symbol, date, strategy, windows }.

const { json } = require('../../lib/http');
const { sleep } = require('../../lib/time');

const { STRATEGYD_URL: url, STRATEGYD_TOKEN: token } = process.env;

async function result(id) {
  for (;;) {
    const run = await json(`${url}/runs/${id}`, { token });
    if (run.status === 'failed') throw new Error(`${id}: ${run.error}`);
    if (run.status === 'finished') return run.result;
    await sleep(200);
  }
}

async function main({ windows = [50, 200, 800], ...wanted }) {
  const tries = [];
  for (const window of windows) {
    const { id } = await json(`${url}/runs`, { method: 'POST', token, body: { ...wanted, params: { window } } });
    tries.push({ window, run: id, pnl: (await result(id)).pnl });
  }
  tries.sort((a, b) => b.pnl - a.pnl);
  process.stdout.write(`${JSON.stringify({ best: tries[0], tries })}\n`);
}

main(JSON.parse(process.argv[2] ?? '{}')).then(() => process.exit(0), (error) => {
  process.stderr.write(`sweep: ${error.message}\n`);
  process.exit(1);
});
