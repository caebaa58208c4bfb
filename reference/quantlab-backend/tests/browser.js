'use strict';
// A headless Chromium with one page, spoken to in its own protocol over two pipes: no driver, no port.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');

const CHROMIUM = process.env.CHROMIUM || 'chromium-headless-shell';
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--remote-debugging-pipe', 'about:blank'];
const KEYS = { Tab: 9, Enter: 13 };

class Browser {
  #asked = new Map();
  #next = 1;
  #rest = '';

  static async open(url) {
    const browser = new Browser();
    browser.profile = fs.mkdtempSync(path.join(os.tmpdir(), 'chromium-'));
    browser.complaints = []; // what a developer would find in the console
    browser.#start();
    const { targetInfos } = await browser.send('Target.getTargets');
    const { targetId } = targetInfos.find(({ type }) => type === 'page');
    browser.session = (await browser.send('Target.attachToTarget', { targetId, flatten: true })).sessionId;
    for (const domain of ['Page', 'Runtime', 'Log', 'Accessibility']) await browser.send(`${domain}.enable`);
    await browser.send('Page.navigate', { url });
    return browser;
  }

  #start() {
    const env = { PATH: process.env.PATH, HOME: this.profile };
    this.child = spawn(CHROMIUM, [`--user-data-dir=${this.profile}`, ...FLAGS], { env, stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    this.ended = new Promise((resolve) => { this.child.on('close', resolve); });
    this.child.on('error', (error) => this.#fail(`${CHROMIUM}: ${error.message}`));
    this.child.on('exit', (code) => this.#fail(`${CHROMIUM} ended with ${code}`));
    this.child.stdio[3].on('error', () => {}); // the end of the process says more
    this.child.stdio[4].setEncoding('utf8').on('data', (chunk) => {
      const messages = (this.#rest + chunk).split('\0');
      this.#rest = messages.pop();
      for (const message of messages) this.#hear(JSON.parse(message));
    });
  }

  #fail(reason) {
    for (const { reject } of this.#asked.values()) reject(new Error(reason));
    this.#asked.clear();
  }

  #hear({ id, result, error, method, params }) {
    if (id) {
      const { resolve, reject } = this.#asked.get(id);
      this.#asked.delete(id);
      if (error) reject(new Error(error.message));
      else resolve(result);
    }
    if (method === 'Runtime.exceptionThrown') this.complaints.push(params.exceptionDetails.exception?.description);
    if (method === 'Runtime.consoleAPICalled') this.complaints.push(params.args.map(({ value }) => value).join(' '));
    if (method === 'Log.entryAdded') this.complaints.push(`${params.entry.text} ${params.entry.url ?? ''}`);
  }

  send(method, params = {}) {
    const id = this.#next;
    this.#next += 1;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      this.child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId: this.session })}\0`);
    });
  }

  /** Runs a function in the page; arguments and result travel as JSON. */
  async run(code, ...args) {
    const expression = `(${code})(...${JSON.stringify(args)})`;
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception.description);
    return result.value;
  }

  async press(key) {
    const event = { key, code: key, windowsVirtualKeyCode: KEYS[key], text: key === 'Enter' ? '\r' : undefined };
    await this.send('Input.dispatchKeyEvent', { type: event.text ? 'keyDown' : 'rawKeyDown', ...event });
    await this.send('Input.dispatchKeyEvent', { type: 'keyUp', ...event });
  }

  /** What a screen reader is told: [{ role, name }], in the order of the page. */
  async accessible() {
    const { nodes } = await this.send('Accessibility.getFullAXTree');
    return nodes.filter(({ ignored }) => !ignored).map(({ role, name }) => ({ role: role.value, name: name?.value ?? '' }));
  }

  /** scheme: light or dark; width in CSS pixels. */
  async look(scheme, width, height = 900) {
    await this.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
    await this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: width < 600 });
  }

  async picture(file) {
    const { data } = await this.send('Page.captureScreenshot', { captureBeyondViewport: true });
    fs.writeFileSync(file, Buffer.from(data, 'base64'));
  }

  async close() {
    this.send('Browser.close').catch(() => {}); // it may be gone before it answers
    await this.ended;
    fs.rmSync(this.profile, { recursive: true });
  }
}

module.exports = { Browser };
