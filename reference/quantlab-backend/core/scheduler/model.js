'use strict';
// Ridge regression of the forward return on the standardised features, trained on the first four fifths
// of the day and judged on the last: a model must not be judged on what it has seen.

const FEATURES = ['spread', 'imbalance', 'momentum', 'volatility'];
const TRAIN = 0.8;
const RIDGE = 1e-3;
const LEAST = 100;

/** The rows of a day as flat numbers: a day has millions, and objects would not fit. */
class Sample {
  constructor() {
    this.width = FEATURES.length + 1;
    this.length = 0;
    this.data = new Float64Array(this.width * 4096);
  }

  add(row) {
    if ((this.length + 1) * this.width > this.data.length) {
      const larger = new Float64Array(this.data.length * 2);
      larger.set(this.data);
      this.data = larger;
    }
    const at = this.length * this.width;
    FEATURES.forEach((name, i) => { this.data[at + i] = row[name]; });
    this.data[at + FEATURES.length] = row.forward_return;
    this.length += 1;
  }

  row(i) {
    return this.data.subarray(i * this.width, (i + 1) * this.width);
  }
}

function moments(sample, count) {
  return Array.from({ length: sample.width }, (_, j) => {
    let sum = 0;
    let squares = 0;
    for (let i = 0; i < count; i += 1) {
      const value = sample.row(i)[j];
      sum += value;
      squares += value * value;
    }
    const mean = sum / count;
    return { mean, scale: Math.sqrt(Math.max(0, squares / count - mean * mean)) || 1 };
  });
}

/** Solves a x = b by elimination; the ridge keeps a well away from singular. */
function solve(a, b) {
  const n = b.length;
  const rows = a.map((row, i) => [...row, b[i]]);
  for (let i = 0; i < n; i += 1) {
    for (let k = i + 1; k < n; k += 1) {
      const factor = rows[k][i] / rows[i][i];
      for (let j = i; j <= n; j += 1) rows[k][j] -= factor * rows[i][j];
    }
  }
  const x = new Array(n).fill(0);
  for (let i = n - 1; i >= 0; i -= 1) {
    let rest = rows[i][n];
    for (let j = i + 1; j < n; j += 1) rest -= rows[i][j] * x[j];
    x[i] = rest / rows[i][i];
  }
  return x;
}

function fit(sample, count, scales) {
  const n = FEATURES.length;
  const a = Array.from({ length: n }, (_, i) => Array.from({ length: n }, (__, j) => (i === j ? RIDGE * count : 0)));
  const b = new Array(n).fill(0);
  const z = new Array(n + 1);
  for (let i = 0; i < count; i += 1) {
    const row = sample.row(i);
    for (let j = 0; j <= n; j += 1) z[j] = (row[j] - scales[j].mean) / scales[j].scale;
    for (let j = 0; j < n; j += 1) {
      b[j] += z[j] * z[n];
      for (let k = 0; k < n; k += 1) a[j][k] += z[j] * z[k];
    }
  }
  return solve(a, b);
}

function judge(sample, from, scales, weights) {
  const target = scales[FEATURES.length];
  let errors = 0;
  let total = 0;
  let hits = 0;
  let moves = 0;
  for (let i = from; i < sample.length; i += 1) {
    const row = sample.row(i);
    const z = weights.reduce((sum, weight, j) => sum + (weight * (row[j] - scales[j].mean)) / scales[j].scale, 0);
    const [guess, truth] = [target.mean + z * target.scale, row[FEATURES.length]];
    errors += (guess - truth) ** 2;
    total += (truth - target.mean) ** 2;
    if (truth !== 0) {
      moves += 1;
      if (Math.sign(guess) === Math.sign(truth)) hits += 1;
    }
  }
  return { test_rows: sample.length - from, r2: total ? 1 - errors / total : 0, hit_rate: moves ? hits / moves : 0 };
}

function train(sample) {
  if (sample.length < LEAST) throw new Error(`${sample.length} labelled rows are too few, ${LEAST} are needed`);
  const count = Math.floor(sample.length * TRAIN);
  const scales = moments(sample, count);
  const weights = fit(sample, count, scales);
  const metrics = { rows: sample.length, train_rows: count, ...judge(sample, count, scales, weights) };
  return { model: { features: FEATURES, weights, scales }, metrics };
}

module.exports = { Sample, train };
