'use strict';
// labeld: reads featurexd's stream and serves its features with the forward return as label.

const { read, HTTP } = require('../../core/lib/settings');
const { serve } = require('../../core/lib/service');
const { derive } = require('../../core/lib/derived');
const { labelMaker } = require('./labels');

const settings = read('labeld', {
  ...HTTP,
  featurexd: ['FEATUREXD_URL', 'url'],
  symbols: ['FEED_SYMBOLS', 'list', ['btcusdt', 'ethusdt']],
  horizonMs: ['LABEL_HORIZON_MS', 'number', 5000],
});
const stopping = new AbortController();

serve({
  name: 'labeld',
  ...settings,
  routes: derive({
    needName: 'featurexd',
    symbols: settings.symbols,
    transform: () => labelMaker(settings.horizonMs),
    source: (query) => `${settings.featurexd}/stream?${new URLSearchParams(query)}`,
    signal: stopping.signal,
  }),
  stop: () => stopping.abort(),
});
