'use strict';
// From a best bid/offer update to features: mid, spread, imbalance of the sizes, and the volatility of
// the log returns over the last updates, kept by running sums.

const WINDOW = 100;

function featureMaker(window = WINDOW) {
  const returns = [];
  let sum = 0;
  let squares = 0;
  let previous = null;

  return function features({ ts, u, b, B, a, A }) {
    const [bid, bidSize, ask, askSize] = [Number(b), Number(B), Number(a), Number(A)];
    const mid = (bid + ask) / 2;
    if (previous !== null) {
      const value = Math.log(mid / previous);
      returns.push(value);
      sum += value;
      squares += value * value;
      if (returns.length > window) {
        const gone = returns.shift();
        sum -= gone;
        squares -= gone * gone;
      }
    }
    previous = mid;
    const n = returns.length;
    const variance = n > 1 ? Math.max(0, (squares - (sum * sum) / n) / (n - 1)) : 0;
    return [{
      ts,
      u,
      mid,
      spread: ask - bid,
      imbalance: (bidSize - askSize) / (bidSize + askSize || 1),
      momentum: sum,
      volatility: Math.sqrt(variance),
    }];
  };
}

module.exports = { featureMaker };
