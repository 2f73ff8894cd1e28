"use strict";
// Filters the matrix by words, and marks in the contents the part that the address names. Without it the whole
// table stands and no field is shown; on paper it changes nothing.

const matrix = document.getElementById("matrix");
const field = document.getElementById("words");
const counted = document.getElementById("cases-shown");
const folders = [...matrix.querySelectorAll(".folder")];
const every = matrix.querySelector("input[name=show]");
const rows = [...matrix.querySelectorAll(".matrix tbody tr")].map(row => ({row, cells: described(row)}));
const adapters = [...new Set(rows.flatMap(({cells}) => cells.map(({adapter}) => adapter)))];
let wasOpen = null;  // which folders were open before anything was filtered

// What can be looked for in each cell of a row: the case, the formats, and how it came out there.
function described(row) {
  const [name, formats, ...cells] = row.children;
  const heads = row.closest("table").tHead.rows[0].cells;
  return cells.flatMap((cell, place) => {
    const adapter = heads[place + 2].textContent.toLowerCase();
    const pieces = [...cell.querySelectorAll(".piece")].map(piece => piece.textContent);
    const texts = pieces.length ? pieces : [`${formats.textContent} ${cell.textContent}`];
    const compared = cell.textContent === "–" ? [] : texts;
    return compared.map(text => ({
      adapter, text: `${name.textContent} ${text.replace("✓", "agrees")}`.toLowerCase(),
    }));
  });
}

// Words that begin an adapter's name choose its column; all others must occur together in one cell.
function matches(cells, words) {
  const begins = (name, word) => name.startsWith(word === "pytorch" ? "torch" : word);
  const named = words.filter(word => adapters.some(name => begins(name, word)));
  const others = words.filter(word => !named.includes(word));
  return cells.some(({adapter, text}) =>
    (!named.length || named.some(word => begins(adapter, word))) && others.every(word => text.includes(word)));
}

function open(opened) {
  folders.forEach((folder, place) => { folder.open = opened[place]; });
}

function filter() {
  const words = field.value.toLowerCase().split(/[\s,]+/).filter(Boolean);
  const filtered = words.length > 0 || !every.checked;
  for (const {row, cells} of rows) row.classList.toggle("unmatched", words.length > 0 && !matches(cells, words));
  const shown = filtered ? rows.map(({row}) => row).filter(row => getComputedStyle(row).display !== "none") : [];
  const having = folders.map(folder => !filtered || shown.some(row => folder.contains(row)));
  folders.forEach((folder, place) => folder.classList.toggle("unmatched", !having[place]));
  counted.textContent = filtered ? `${shown.length || "None"} of ${rows.length} cases` : "";
  if (filtered) wasOpen ??= folders.map(folder => folder.open);
  if (wasOpen) open(filtered ? having : wasOpen);
  if (!filtered) wasOpen = null;
}

function mark() {
  const alone = document.querySelector(".walk:target");  // it lies over the page: nothing below it can be reached
  for (const one of document.querySelectorAll(".skip, nav, header, main > section")) {
    one.inert = alone && !one.contains(alone);
  }
  const part = document.querySelector(":target")?.closest("main > section");
  for (const link of document.querySelectorAll("nav a")) {
    if (part && link.hash === `#${part.id}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

matrix.addEventListener("input", filter);
field.addEventListener("keydown", event => {
  if (event.key !== "Escape") return;
  event.preventDefault();
  field.value = "";
  filter();
});
addEventListener("beforeprint", () => { if (wasOpen) open(wasOpen); });
addEventListener("afterprint", filter);
addEventListener("DOMContentLoaded", mark);
addEventListener("hashchange", mark);
field.closest("[hidden]").hidden = false;
filter();
