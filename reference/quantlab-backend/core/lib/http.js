'use strict';
// Client side of plain HTTP. Not the global fetch: on node 18 it is experimental and says so on stderr.

const http = require('node:http');
const https = require('node:https');

const agents = {
  'http:': new http.Agent({ keepAlive: true }),
  'https:': new https.Agent({ keepAlive: true }),
};

/** Resolves to the response as soon as its head is there; its body is for the caller to read. */
function open(url, options = {}) {
  const { protocol } = new URL(url);
  // A kept connection may be closed just as we write: what may be asked twice is asked again, a POST
  // has a connection of its own.
  const { method = 'GET', headers = {}, body, token, timeout = 5000, signal, agent = method !== 'POST' && agents[protocol] } = options;
  const { request } = protocol === 'https:' ? https : http;
  const auth = token ? { Authorization: `Bearer ${token}` } : {};
  return new Promise((resolve, reject) => {
    const req = request(url, {
      method, signal, timeout, agent, headers: { ...auth, ...headers },
    }, resolve);
    req.on('timeout', () => req.destroy(new Error(`no answer within ${timeout} ms`)));
    req.on('error', (error) => {
      if (req.reusedSocket && error.code === 'ECONNRESET') open(url, options).then(resolve, reject);
      else reject(error);
    });
    req.end(body);
  });
}

async function text(res, limit = 10_000_000) {
  const chunks = [];
  let size = 0;
  for await (const chunk of res) {
    size += chunk.length;
    if (size > limit) throw new Error(`answer is longer than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** Sends and gets JSON; any status but 2xx is an error that says what the other side said. */
async function json(url, { body, ...options } = {}) {
  const headers = body === undefined ? {} : { 'Content-Type': 'application/json' };
  const res = await open(url, { ...options, headers, body: body && JSON.stringify(body) });
  return decode(res.statusCode, await text(res));
}

function decode(status, content) {
  let value = null;
  try {
    value = JSON.parse(content);
  } catch {
    value = { error: content.slice(0, 200) };
  }
  if (status >= 200 && status < 300) return value;
  const said = value?.error ?? value?.reason;
  throw Object.assign(new Error(`answered ${status}${said ? `: ${said}` : ''}`), { status });
}

module.exports = { open, text, json, decode };
