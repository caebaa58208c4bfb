'use strict';
// The frame of every service with a port: routes, JSON answers, tokens, and an end on SIGTERM that
// does not wait for clients who hold a stream open.

const http = require('node:http');
const { createHash, timingSafeEqual } = require('node:crypto');
const log = require('./log');
const { health } = require('./need');

const BODY_LIMIT = 1_000_000;

class HttpError extends Error {
  constructor(status, message, more = {}) {
    super(message);
    this.status = status;
    this.more = more;
  }
}

function send(res, status, value) {
  const body = `${JSON.stringify(value)}\n`;
  res.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) });
  res.end(body);
}

async function body(req) {
  let content = '';
  for await (const chunk of req) {
    content += chunk;
    if (content.length > BODY_LIMIT) throw new HttpError(413, 'request is too long');
  }
  try {
    return JSON.parse(content);
  } catch {
    throw new HttpError(400, 'request is not JSON');
  }
}

const digest = (value) => createHash('sha256').update(value).digest();

/** Wraps a handler so that it answers only to the bearer of the token. */
function bearer(token, handler) {
  const expected = digest(`Bearer ${token}`);
  return (req, res, match) => {
    const ok = timingSafeEqual(digest(req.headers.authorization ?? ''), expected);
    if (!ok) {
      res.setHeader('WWW-Authenticate', 'Bearer');
      throw new HttpError(401, 'a valid bearer token is needed');
    }
    return handler(req, res, match);
  };
}

function healthRoute(needs) {
  return async (req, res) => {
    const state = await health(needs);
    send(res, state.status === 'ok' ? 200 : 503, state);
  };
}

/** 'GET /runs/:id' becomes a method and a pattern with named groups. */
function compile(route) {
  const [method, path] = route.split(' ');
  return { method, pattern: new RegExp(`^${path.replace(/:(\w+)/g, '(?<$1>[^/]+)')}$`) };
}

function address(req) {
  try {
    return new URL(req.url, 'http://service');
  } catch {
    throw new HttpError(400, 'the address makes no sense');
  }
}

function dispatch(table, req) {
  const url = address(req);
  const matches = table.filter(({ pattern }) => pattern.test(url.pathname));
  const found = matches.find(({ method }) => method === req.method);
  if (found) return { handler: found.handler, url, params: found.pattern.exec(url.pathname).groups ?? {} };
  throw matches.length ? new HttpError(405, 'method not allowed') : new HttpError(404, 'no such address');
}

function serve({ name, listen, port, routes, stop = () => {}, access = () => {} }) {
  const table = Object.entries(routes).map(([route, handler]) => ({ ...compile(route), handler }));
  const server = http.createServer(async (req, res) => {
    const started = Date.now();
    res.on('close', () => access({ method: req.method, path: req.url, status: res.statusCode, ms: Date.now() - started }));
    try {
      const { handler, url, params } = dispatch(table, req);
      await handler(req, res, { url, params, query: url.searchParams });
    } catch (error) {
      if (!error.status && !req.socket.destroyed) log.error('request failed', { path: req.url.split('?')[0], reason: error.message });
      if (res.headersSent) res.destroy();
      else send(res, error.status ?? 500, { error: error.message, ...error.more });
    }
  });
  server.on('error', (error) => {
    process.stderr.write(`${name}: cannot listen on ${listen}:${port}: ${error.code}\n`);
    process.exit(1);
  });
  server.listen(port, listen, () => log.info(`${name} listens`, { listen, port }));
  onStop(name, async () => {
    server.close();
    await stop();
    server.closeAllConnections();
  });
  return server;
}

/** Runs once on SIGTERM or SIGINT and ends the process, with or without the cleanup's consent. */
function onStop(name, cleanup) {
  let stopping = false;
  const end = async (signal) => {
    if (stopping) return;
    stopping = true;
    log.info(`${name} stops`, { signal });
    setTimeout(() => process.exit(0), 800).unref();
    await cleanup();
    process.exit(0);
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
}

module.exports = { serve, onStop, send, body, bearer, healthRoute, HttpError };
