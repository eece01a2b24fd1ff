// The weights of two weightings as histograms over the same edges, one over the other.
import { axis, countAxis, css, HEIGHT, keepDrawn, readByKeys, short } from "./chart.js";
import { number } from "./format.js";

const root = document.querySelector("[data-compare]");
if (root) {
  const bins = JSON.parse(document.getElementById("compare-bins").textContent);
  const readout = root.querySelector("[data-readout]");
  const told = readout.textContent;
  const box = root.querySelector(".th-chart");
  // A step goes on to the next edge, so the last bin has its end too.
  const single = bins.length === 1;
  const edges = single
    ? [bins[0].from - 0.05, bins[0].to + 0.05]
    : [...bins.map((bin) => bin.from), bins.at(-1)?.to];
  const heights = (side) => [...bins.map((bin) => bin[side]), bins.at(-1)?.[side]];
  const tell = (plot) => {
    const bin =
      bins[Math.min(plot.cursor.idx ?? bins.length, bins.length)] ??
      (plot.cursor.idx == null ? null : bins.at(-1));
    readout.textContent = bin
      ? `weight ${short(bin.from)} to ${short(bin.to)}: ${number(bin.a)} by A, ${number(bin.b)} by B`
      : told;
  };
  const series = (name) => ({
    stroke: () => css(name),
    fill: () => `${css(name)}33`,
    width: 1.5,
    points: { show: false },
    paths: window.uPlot.paths.stepped({ align: 1 }),
  });
  if (bins.length) {
    const plot = new window.uPlot(
      {
        width: box.clientWidth,
        height: HEIGHT,
        padding: [8, 8, 0, 0],
        legend: { show: false },
        cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
        hooks: { setCursor: [tell] },
        scales: {
          x: { time: false, range: () => [edges[0], edges.at(-1)] },
          y: { range: (_, low, high) => [0, (high || 1) * 1.1] },
        },
        axes: [
          axis({ size: 26, space: 64, grid: { show: false }, values: (_, values) => values.map(short) }),
          countAxis(),
        ],
        series: [{}, series("--t-s1"), series("--t-s2")],
      },
      [edges, heights("a"), heights("b")],
      box,
    );
    readByKeys(box, plot, { name: told, readout });
    keepDrawn(root, () => [plot]);
  }
}
