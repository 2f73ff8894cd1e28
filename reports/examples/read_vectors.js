// Checks every vector of a vectors.json: node read_vectors.js vectors.json
const content = JSON.parse(require("fs").readFileSync(process.argv[2], "utf8"));
function number(text) { // JavaScript reads no hexadecimal floats
  const [, sign, whole, digits, power] = /^(-?)0x(.)\.(.+)p(.+)$/.exec(text) ?? [];
  return power ? Number(sign + "1") * parseInt(whole + digits, 16) * 2 ** (power - 4 * digits.length) : Number(text);
}
function isOutside(claimed, right) {
  return Object.entries(right).some(([name, { hex, within }]) => hex.some((text, i) => {
    const [mine, value] = [number(claimed[name].hex[i]), number(text)];
    const isKnown = text !== null && within[i] !== null;
    return isKnown && mine !== value && !(Math.abs(mine - value) <= Number(within[i]));
  }));
}
const right = new Map(content.vectors.map(one => [one.case + " " + one.dtype, one.steps]));
const valid = [...right.values()].flat();
const accepted = valid.filter(step => !isOutside(step, step)).length; // put your program's step first
const wrong = content.invalid.map(one => [one.values, right.get(one.case + " " + one.dtype)[one.step - 1]]);
const rejected = wrong.filter(([claimed, step]) => isOutside(claimed, step)).length;
console.log("accepted", accepted, "of", valid.length, "valid steps, rejected", rejected, "of", wrong.length, "invalid");
