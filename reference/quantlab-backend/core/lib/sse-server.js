'use strict';
// Server side of an event stream: waits for slow clients instead of queueing for them.

const PING_MS = 5000; // also tells the client's idle timer that the connection is alive

class EventStream {
  constructor(req, res) {
    this.res = res;
    const controller = new AbortController();
    this.signal = controller.signal;
    res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    res.write(': connected\n\n');
    this.ping = setInterval(() => { if (!res.writableNeedDrain) res.write(': ping\n\n'); }, PING_MS);
    res.on('close', () => {
      clearInterval(this.ping);
      controller.abort();
    });
  }

  get closed() {
    return this.signal.aborted;
  }

  /** Resolves when there is room for more, or when the client has gone. */
  async send(text) {
    if (this.closed || this.res.write(text)) return;
    await new Promise((resolve) => {
      const done = () => {
        this.res.off('drain', done);
        this.res.off('close', done);
        resolve();
      };
      this.res.on('drain', done);
      this.res.on('close', done);
    });
  }

  /** The last event: without it, a client must take the end for a cut and come back. */
  end(summary) {
    if (!this.closed) this.res.end(`event: end\ndata: ${JSON.stringify(summary)}\n\n`);
  }
}

const frame = (id, data) => `id: ${id}\ndata: ${data}\n\n`;

module.exports = { EventStream, frame };
