'use strict';
// featurexd: reads replayd's stream and serves features of it, live or of a past day.

const { read, HTTP } = require('../../core/lib/settings');
const { serve } = require('../../core/lib/service');
const { derive } = require('../../core/lib/derived');
const { featureMaker } = require('./features');

const settings = read('featurexd', {
  ...HTTP,
  replayd: ['REPLAYD_URL', 'url'],
  token: ['REPLAYD_TOKEN', 'text'],
  symbols: ['FEED_SYMBOLS', 'list', ['btcusdt', 'ethusdt']],
});
const stopping = new AbortController();

serve({
  name: 'featurexd',
  ...settings,
  routes: derive({
    needName: 'replayd',
    symbols: settings.symbols,
    transform: featureMaker,
    source: (query) => `${settings.replayd}/stream?${new URLSearchParams(query)}`,
    token: settings.token,
    signal: stopping.signal,
  }),
  stop: () => stopping.abort(),
});
