// The weights of two weightings as histograms over the same edges, one over the other.
import { bottomAxis, countAxis, css, fromZero, keepDrawn, plotIn, readByKeys, short } from "../chart.js";
import { number } from "../format.js";

// A step goes on to the next edge, so the last bin has its end too.
function edgesOf(bins) {
  if (bins.length === 1) return [bins[0].from - 0.05, bins[0].to + 0.05];
  return [...bins.map((bin) => bin.from), bins.at(-1).to];
}

const heights = (bins, side) => [...bins.map((bin) => bin[side]), bins.at(-1)[side]];

const words = (bin) =>
  `weight ${short(bin.from)} to ${short(bin.to)}: ${number(bin.a)} by A, ${number(bin.b)} by B`;

const steps = (colour) => ({
  stroke: () => css(colour),
  fill: () => `${css(colour)}33`,
  width: 1.5,
  points: { show: false },
  paths: window.uPlot.paths.stepped({ align: 1 }),
});

function draw(root, bins) {
  const readout = root.querySelector("[data-readout]");
  const told = readout.textContent;
  const box = root.querySelector(".th-chart");
  const edges = edgesOf(bins);
  const tell = ({ cursor: { idx } }) => {
    // At its end the last bin is read out, not one behind it.
    readout.textContent = idx == null ? told : words(bins[idx] ?? bins.at(-1));
  };
  const plot = plotIn(box, [edges, heights(bins, "a"), heights(bins, "b")], {
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    hooks: { setCursor: [tell] },
    scales: { x: { time: false, range: () => [edges[0], edges.at(-1)] }, y: fromZero },
    axes: [bottomAxis({ values: (_, values) => values.map(short) }), countAxis()],
    series: [{}, steps("--t-s1"), steps("--t-s2")],
  });
  readByKeys(box, plot, { name: told, readout });
  keepDrawn(root, () => [plot]);
}

const root = document.querySelector("[data-compare]");
if (root) {
  const bins = JSON.parse(document.getElementById("compare-bins").textContent);
  if (bins.length) draw(root, bins);
}
