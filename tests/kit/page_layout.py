"""How a page looks, measured in a browser by JavaScript expressions."""

from typing import Final

WIDTHS: Final = (320, 390, 1280)
"""Screens, in CSS pixels."""

OVERFLOW: Final = """
(() => {
  const wide = innerWidth + 0.5, found = [];
  for (const element of document.body.querySelectorAll("*")) {
    const inside = element.closest("pre");
    if (inside && inside !== element) continue;
    if (element.matches(".skip")) continue;
    if (element.getBoundingClientRect().right > wide) found.push(element.outerHTML.slice(0, 120));
  }
  return {page: document.documentElement.scrollWidth, screen: innerWidth, found};
})()
"""

CONTRAST: Final = """
(() => {
  const parse = text => (text.match(/[0-9.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const part = value => {
      const s = value / 255;
      return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = element => {
    for (let one = element; one; one = one.parentElement) {
      const color = parse(getComputedStyle(one).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const faint = [];
  let looked = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
    looked += 1;
    const style = getComputedStyle(element);
    const pair = [light(parse(style.color)), light(behind(element))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (ratio < 4.5) faint.push([ratio, walker.currentNode.data.trim().slice(0, 60)]);
  }
  return {looked, faint};
})()
"""
