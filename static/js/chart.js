// What the console's charts have in common: colours and axes that are read from the page when they are drawn.
import { number } from "./format.js";

const FONT = '11px "Plex Sans", sans-serif';
const HEIGHT = 176;

export const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// As the server rounds a factor: what is under 0.00005 is 0.
export function short(value) {
  if (Math.abs(value) < 0.00005) return "0";
  if (Math.abs(value) >= 1000) return number(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

export const axis = (extra) => ({
  font: FONT,
  gap: 4,
  stroke: () => css("--t-ink-3"),
  grid: { stroke: () => css("--t-line"), width: 1 },
  ticks: { show: false },
  ...extra,
});

export const bottomAxis = (extra) => axis({ size: 26, space: 64, grid: { show: false }, ...extra });

// The axis of what is counted: no half samples.
const WHOLE = [1, 2, 5]
  .flatMap((step) => Array.from({ length: 12 }, (_, power) => step * 10 ** power))
  .sort((a, b) => a - b);
export const countAxis = () =>
  axis({ size: 56, space: 34, incrs: WHOLE, values: (_, values) => values.map(short) });

// Up from zero, with some room above the highest.
export const fromZero = { range: (_, low, high) => [0, (high || 1) * 1.1] };

// A bar for each bin, in the first colour.
export const bars = () => ({
  stroke: () => css("--t-s1"),
  fill: () => css("--t-s1"),
  width: 0,
  points: { show: false },
  paths: window.uPlot.paths.bars({ size: [0.9, 40], align: 0 }),
});

// A chart as wide as its box.
export function plotIn(box, data, options) {
  const shape = { width: box.clientWidth, height: HEIGHT, padding: [8, 8, 0, 0], legend: { show: false } };
  return new window.uPlot({ ...shape, ...options }, data, box);
}

// What the pointer reads out of a chart, the arrow keys read out too.
export function readByKeys(place, plot, { name, readout }) {
  const last = plot.data[0].length - 1;
  place.setAttribute("role", "group");
  place.setAttribute("aria-label", `${name}; the arrow keys read its values`);
  place.setAttribute("tabindex", "0");
  readout.setAttribute("aria-live", "polite");
  const leave = () => plot.setCursor({ left: -10, top: -10 });
  place.addEventListener("blur", leave);
  place.addEventListener("keydown", (event) => {
    const at = plot.cursor.idx;
    const to = {
      ArrowRight: at == null ? 0 : at + 1,
      ArrowLeft: at == null ? last : at - 1,
      Home: 0,
      End: last,
    }[event.key];
    if (to === undefined) {
      if (event.key === "Escape") leave();
      return;
    }
    event.preventDefault();
    plot.setCursor({ left: plot.valToPos(plot.data[0][Math.max(0, Math.min(last, to))], "x"), top: 1 });
  });
}

// Charts that stay as wide as their box and in the colours of the theme; `plots` tells those there are now.
export function keepDrawn(root, plots) {
  document.addEventListener("themis:theme", () => plots().forEach((plot) => plot.redraw(false, true)));
  new ResizeObserver(() =>
    plots().forEach((plot) => plot.setSize({ width: plot.root.parentElement.clientWidth, height: HEIGHT })),
  ).observe(root);
}
