'use strict';
// The four S3 calls that the stack needs, over node's own HTTP. Bodies of objects are streamed: an
// object may be larger than memory.

const aws4 = require('aws4');
const { open, text } = require('./http');

class S3Error extends Error {
  constructor(status, code) {
    super(`S3 answered ${status}${code ? ` ${code}` : ''}`);
    this.httpStatus = status; // `status` would be that of our own answer to a client
    this.code = code;
  }
}

const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", '#34': '"', '#39': "'" };

const unescape = (value) => value.replace(/&(\w+|#\d+);/g, (whole, name) => ENTITIES[name] ?? whole);

const all = (xml, tag) => [...xml.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, 'g'))].map((match) => unescape(match[1]));

const encode = (value) => encodeURIComponent(value).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

class S3 {
  constructor({ endpoint, bucket, accessKeyId, secretAccessKey, region }) {
    this.endpoint = endpoint;
    this.bucket = bucket;
    this.region = region;
    this.credentials = { accessKeyId, secretAccessKey };
  }

  async #request(method, key, query = {}, { body = '', signal, timeout } = {}) {
    const path = `/${encode(this.bucket)}${key ? `/${key.split('/').map(encode).join('/')}` : ''}`;
    const search = Object.entries(query).map(([name, value]) => `${name}=${encode(String(value))}`).sort().join('&');
    const url = `${this.endpoint}${path}${search ? `?${search}` : ''}`;
    const { host, pathname } = new URL(url);
    const { headers } = aws4.sign({
      service: 's3', region: this.region, method, host, path: `${pathname}${search ? `?${search}` : ''}`,
      headers: body ? { 'Content-Length': Buffer.byteLength(body) } : {}, body,
    }, this.credentials);
    const res = await open(url, { method, headers, body, signal, timeout });
    if (res.statusCode >= 200 && res.statusCode < 300) return res;
    throw new S3Error(res.statusCode, all(await text(res), 'Code')[0]);
  }

  /** The body of an object, as a stream. */
  get(key, { signal } = {}) {
    return this.#request('GET', key, {}, { signal, timeout: 60_000 });
  }

  async put(key, body) {
    (await this.#request('PUT', key, {}, { body, timeout: 60_000 })).resume();
  }

  /** One page: what lies directly under the prefix (with a delimiter), or everything below it. */
  async page(prefix, { delimiter, startAfter, token, max } = {}) {
    const query = { 'list-type': 2, prefix };
    if (delimiter) query.delimiter = delimiter;
    if (startAfter) query['start-after'] = startAfter;
    if (token) query['continuation-token'] = token;
    if (max) query['max-keys'] = max;
    const xml = await text(await this.#request('GET', '', query), 50_000_000);
    const folders = xml.match(/<CommonPrefixes>[\s\S]*?<\/CommonPrefixes>/g) ?? [];
    return {
      keys: all(xml, 'Key'),
      folders: folders.flatMap((part) => all(part, 'Prefix')),
      next: all(xml, 'IsTruncated')[0] === 'true' ? all(xml, 'NextContinuationToken')[0] : undefined,
    };
  }

  async list(prefix, options = {}) {
    const found = { keys: [], folders: [] };
    let token;
    do {
      const page = await this.page(prefix, { ...options, token });
      found.keys.push(...page.keys);
      found.folders.push(...page.folders);
      token = page.next;
    } while (token);
    return found;
  }

  /** Reaches the bucket with our credentials, or says why not. */
  async check() {
    try {
      await this.page('', { max: 1, delimiter: '/' });
    } catch (error) {
      if (error.code === 'NoSuchBucket') throw new Error(`there is no bucket ${this.bucket}`);
      throw error;
    }
  }
}

module.exports = { S3 };
