// Dense layers, trained by gradient descent. Run by: node backprop.js
"use strict";
const activations = {
  sigmoid: { of: (z) => 1 / (1 + Math.exp(-z)), slope: (a) => a * (1 - a) },
  tanh: { of: Math.tanh, slope: (a) => 1 - a * a },
  relu: { of: (z) => (z < 0 ? 0 : z), slope: (a) => (a > 0 ? 1 : 0) },
  identity: { of: (z) => z, slope: () => 1 },
};
const hello = {
  name: "backprop.js",
  version: "1.0",
  structure: {
    dtypes: ["float64", "float32"],
    activations: Object.keys(activations),
    losses: ["half_squared_error"],
    optimizers: ["sgd"],
  },
};

// JSON has no NaN and no Infinity: they are written as texts.
const print = (object) =>
  console.log(JSON.stringify(object, (_, v) => (typeof v === "number" && !Number.isFinite(v) ? String(v) : v)));

const sum = (numbers) => numbers.reduce((total, v) => total + v, 0);
const dot = (u, v) => sum(u.map((each, i) => each * v[i]));
const transposed = (matrix) => matrix[0].map((_, j) => matrix.map((row) => row[j]));
const each = (matrix, entry) => matrix.map((row, i) => row.map((v, j) => entry(v, i, j)));

function* train(problem) {
  // JavaScript's numbers are float64: in float32 each result is rounded once.
  const rounded = problem.dtype === "float32" ? Math.fround : (v) => v;
  const depth = problem.depth, y = problem.y, rate = problem.learning_rate;
  const divisor = problem.reduction === "mean" ? problem.examples : 1;
  for (let step = 0; step < problem.steps; step++) {
    const claim = {}, a = [problem.x];
    for (let k = 1; k <= depth; k++) {
      const [W, b, f] = [problem[`W${k}`], problem[`b${k}`], activations[problem.activations[k - 1]]];
      claim[`z${k}`] = a[k - 1].map((row) => W.map((w, j) => rounded(b[j] + dot(row, w))));
      claim[`a${k}`] = a[k] = each(claim[`z${k}`], (z) => rounded(f.of(z)));
    }
    const errors = each(a[depth], (value, i, j) => value - y[i][j]);
    claim.loss = rounded(sum(errors.flat().map((e) => (e * e) / 2)) / divisor);
    let da = each(errors, (e) => rounded(e / divisor));
    for (let k = depth; k >= 1; k--) {
      const W = problem[`W${k}`], slope = activations[problem.activations[k - 1]].slope;
      const dz = each(da, (v, i, j) => rounded(v * slope(a[k][i][j])));
      const dW = transposed(dz).map((column) => transposed(a[k - 1]).map((input) => rounded(dot(column, input))));
      const db = transposed(dz).map((column) => rounded(sum(column)));
      claim[`dL/da${k}`] = da, claim[`dL/dz${k}`] = dz, claim[`dL/dW${k}`] = dW, claim[`dL/db${k}`] = db;
      da = dz.map((row) => transposed(W).map((w) => rounded(dot(row, w))));
      problem[`W${k}`] = claim[`W${k}_new`] = each(W, (w, i, j) => rounded(w - rate * dW[i][j]));
      problem[`b${k}`] = claim[`b${k}_new`] = problem[`b${k}`].map((b, j) => rounded(b - rate * db[j]));
    }
    yield claim;
  }
}

print(hello);
require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
  for (const claim of train(JSON.parse(line))) print(claim);
  print(hello);
});
