// What the console's charts have in common: colours and axes that are read from the page when they are drawn.
import { number } from "./format.js";

const FONT = '11px "Plex Sans", sans-serif';
export const HEIGHT = 176;

export const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export const short = (value) => (value === 0 ? "0" : Math.abs(value) >= 1000 ? number(Math.round(value)) : String(Number(value.toPrecision(3))));

export const axis = (extra) => ({ font: FONT, gap: 4, stroke: () => css("--t-ink-3"), grid: { stroke: () => css("--t-line"), width: 1 }, ticks: { show: false }, ...extra });

// Charts as wide as their box, in the colours of the theme.
export function keepDrawn(root, plots) {
  document.addEventListener("themis:theme", () => plots().forEach((plot) => plot.redraw(false, true)));
  new ResizeObserver(() => plots().forEach((plot) => plot.setSize({ width: plot.root.parentElement.clientWidth, height: HEIGHT }))).observe(root);
}
