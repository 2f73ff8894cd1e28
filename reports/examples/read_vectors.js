// Checks every vector of a vectors.json: node read_vectors.js vectors.json
const content = JSON.parse(require("fs").readFileSync(process.argv[2], "utf8"));

// Whether any value of a step is farther from the right one than its bound; null is not known.
function isOutside(claimed, right) {
  return Object.entries(right).some(([name, { decimal, within }]) =>
    decimal.some((text, i) => {
      const [mine, value] = [Number(claimed[name].decimal[i]), Number(text)];
      const known = text !== null && within[i] !== null && mine !== value;
      return known && !(Math.abs(mine - value) <= Number(within[i]));
    }));
}

const steps = new Map(content.vectors.flatMap(v => v.steps.map((s, i) => [[v.case, v.dtype, i + 1].join(), s])));
const bad = [...steps.values()].filter(step => isOutside(step, step)); // put your program's step first
const missed = content.invalid.filter(w => !isOutside(w.values, steps.get([w.case, w.dtype, w.step].join())));
console.log(`${steps.size} steps accepted, ${content.invalid.length} rejected, ` +
  `${bad.length + missed.length} not as they should be`);
process.exit(bad.length + missed.length ? 1 : 0);
