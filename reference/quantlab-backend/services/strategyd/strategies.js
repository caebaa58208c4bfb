'use strict';
// A strategy is a function from an update to the position that it wants: -1, 0 or 1. Each is made anew
// for a run, from the run's parameters.

/** Follows the price when it has left its slow average by more than the threshold. */
function momentum({ window = 200, threshold = 0.0001 }) {
  let average = null;
  return (mid) => {
    average = average === null ? mid : average + (mid - average) / window;
    const distance = mid / average - 1;
    return Math.abs(distance) < threshold ? 0 : Math.sign(distance);
  };
}

/** Bets on the return to the average: the opposite. */
function reversion(params) {
  const follow = momentum(params);
  return (mid) => -follow(mid) || 0;
}

const strategies = { momentum, reversion };

/** Keeps the account of a run: every change of position crosses half the spread. */
class Account {
  constructor() {
    this.position = 0;
    this.pnl = 0;
    this.peak = 0;
    this.drawdown = 0;
    this.trades = 0;
    this.updates = 0;
    this.mid = null;
  }

  take(bid, ask, wanted) {
    const mid = (bid + ask) / 2;
    if (this.mid !== null) this.pnl += this.position * (mid - this.mid);
    this.mid = mid;
    const change = Math.abs(wanted - this.position);
    if (change) {
      this.pnl -= (change * (ask - bid)) / 2;
      this.position = wanted;
      this.trades += 1;
    }
    this.peak = Math.max(this.peak, this.pnl);
    this.drawdown = Math.max(this.drawdown, this.peak - this.pnl);
    this.updates += 1;
  }

  result() {
    const { pnl, drawdown, trades, updates, position } = this;
    return { pnl: Number(pnl.toFixed(6)), drawdown: Number(drawdown.toFixed(6)), trades, updates, position };
  }
}

module.exports = { strategies, Account };
