'use strict';
// console-ui: one page that shows runs, the collector's queue and the health of the services, live.

const fs = require('node:fs');
const path = require('node:path');
const { read, HTTP } = require('../lib/settings');
const { serve } = require('../lib/service');
const { EventStream } = require('../lib/sse-server');
const { State } = require('./state');

const optional = (variable) => [variable, 'url', null];

const settings = read('console-ui', {
  ...HTTP,
  observerApi: ['OBSERVER_API_URL', 'url'],
  collector: ['COLLECTOR_URL', 'url'],
  replayd: optional('REPLAYD_URL'),
  featurexd: optional('FEATUREXD_URL'),
  labeld: optional('LABELD_URL'),
  strategyd: optional('STRATEGYD_URL'),
  strategydToken: ['STRATEGYD_TOKEN', 'text', null],
  backtestd: optional('BACKTESTD_URL'),
  refreshMs: ['REFRESH_MS', 'number', 1000],
});
const state = new State(settings);

const TYPES = { '.html': 'text/html', '.css': 'text/css', '.js': 'text/javascript', '.svg': 'image/svg+xml' };
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'";

/** The page is small and never changes while we run: it is read once. */
function file(name) {
  const content = fs.readFileSync(path.join(__dirname, 'page', name));
  const headers = {
    'Content-Type': `${TYPES[path.extname(name)]}; charset=utf-8`,
    'Content-Security-Policy': POLICY,
    'X-Content-Type-Options': 'nosniff',
    'Cache-Control': 'no-cache',
  };
  return (req, res) => {
    res.writeHead(200, headers);
    res.end(content);
  };
}

serve({
  name: 'console-ui',
  ...settings,
  routes: {
    'GET /': file('index.html'),
    'GET /style.css': file('style.css'),
    'GET /page.js': file('page.js'),
    'GET /icon.svg': file('icon.svg'),
    'GET /live': (req, res) => state.join(new EventStream(req, res)),
  },
});
