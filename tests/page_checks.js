// What tests ask of a page, as functions: tests/browser.py puts them on it.

// Elements that reach beyond the page, or the page itself.
function overflowing() {
  const width = document.documentElement.clientWidth;
  const wide = document.documentElement.scrollWidth > width ? ['the page'] : [];
  for (const one of document.querySelectorAll('body *')) {
    // these scroll by themselves, or are not seen
    if (one.closest('.wide, .plate, caption, .skip, svg')) continue;
    if (one.getBoundingClientRect().right > width + 1) wide.push(one.tagName);
  }
  return wide;
}

function idsThatAreThereTwice() {
  const ids = [...document.querySelectorAll('[id]')].map(one => one.id);
  return ids.filter((id, place) => ids.indexOf(id) < place);
}

function picturesWithPlates() {
  return [...document.querySelectorAll('figure')]
  .filter(one => one.querySelector('.plate > img[alt]')).map(one => one.id);
}

// Pictures without a text alternative.
function nameless() {
  return [...document.querySelectorAll('svg, img')]
  .filter(one => !(one.alt || one.getAttribute('aria-label'))).map(one => one.tagName);
}

// Texts whose contrast is less than 4.5 to 1 (WCAG 2.2, 1.4.3).
function faint() {
  const parts = colour => colour.match(/[0-9.]+/g).map(Number);
  const linear = v => v <= 10.31 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const ratio = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const ground = one => {
    for (; one; one = one.parentElement) {
      const colour = parts(getComputedStyle(one).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const one of document.querySelectorAll('body *:not(svg, svg *, script)')) {
    const own = [...one.childNodes].filter(node => node.nodeType === 3).map(node => node.data);
    const text = own.join('').trim();
    if (text && ratio(parts(getComputedStyle(one).color), ground(one)) < 4.5) faint.push(text);
  }
  return faint;
}

// One picture in a figure: its size, its words, and which of them lie over each other.
function picture(name) {
  const figure = document.getElementById(name), picture = figure.querySelector('.plate > img');
  const length = one => one ? one.textContent.trim().length : 0;
  const {height, width} = picture.getBoundingClientRect();
  const text = decodeURIComponent(picture.src.slice(picture.src.indexOf(',') + 1));
  const xml = new DOMParser().parseFromString(text, 'image/svg+xml');
  const svg = document.importNode(xml.documentElement, true);
  svg.style = 'width: ' + width + 'px; height: auto';
  picture.after(svg);  // words can be measured in the page only
  const words = [...svg.querySelectorAll('text')].filter(one => one.textContent.trim());
  const sizes = words.map(one => parseFloat(getComputedStyle(one).fontSize) * one.getScreenCTM().a);
  const boxes = words.filter(one => !/rotate/.test(one.getAttribute('transform')))
    .map(one => [one.textContent, one.getBoundingClientRect()]), over = [];
  for (const [place, [word, one]] of boxes.entries()) for (const [other, two] of boxes.slice(place + 1)) {
    const across = Math.min(one.right, two.right) - Math.max(one.left, two.left);
    const down = Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top);
    if (across > 2 && down > Math.min(one.height, two.height) / 2) over.push(word + ', ' + other);
  }
  const inks = [...new Set(words.map(one => getComputedStyle(one).fill))];
  svg.remove();
  return {
    drawn: picture.naturalWidth === 0 ? 0 : height, title: length(figure.querySelector('h3')),
    caption: length(figure.querySelector('figcaption')),
    alternative: picture.alt.length,
    rows: figure.querySelectorAll('tbody tr').length, letters: Math.min(...sizes), over, inks,
  };
}

// Links on a page that lead to no part of it.
function brokenLinks() {
  return [...document.querySelectorAll('a[href^="#"], use[href^="#"]')]
  .map(one => one.getAttribute('href')).filter(to => !document.getElementById(to.slice(1)));
}

// What could have run or been loaded, and all text.
function dangers() {
  return {
    pwned: typeof window.was_pwned,
    scripts: document.querySelectorAll(
        "script, img:not([src^='data:']), iframe, object, embed, base, form, link").length,
    handlers: [...document.querySelectorAll("*")].flatMap(one => one.getAttributeNames())
        .filter(name => name.startsWith("on")).length,
    links: [...document.querySelectorAll("a")].map(a => a.getAttribute("href"))
        .filter(to => !/^(#|https:\/\/github\.com\/)/.test(to)),
    broken: brokenLinks(),
    text: document.body.textContent,
  };
}
