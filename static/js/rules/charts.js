// What a weighting rule gives: a histogram of the samples by factor, and the curve of a rule that has one.
import { axis, bars, bottomAxis, countAxis, css, fromZero, keepDrawn, plotIn, short } from "../chart.js";
import { number } from "../format.js";

const AXES = {
  freshness: "factor over the age in days",
  length: "factor over characters",
  linear: "factor over the field's value",
  step: "factor over the field's value",
};
const NBSP = "\u00a0";

export class Charts {
  constructor(root) {
    this.root = root;
    this.plots = [];
    keepDrawn(root, () => this.plots);
  }

  // `spread` is what the API tells of the rule over a version's samples.
  draw(spread, kind) {
    this.#forget();
    for (const name of ["least", "mean", "most"]) this.#say(name, short(spread[name]));
    this.#say("num_samples", `of ${number(spread.num_samples)} samples`);
    const missing = spread.num_missing ? `missing in ${number(spread.num_missing)}` : "missing nowhere";
    this.#say("num_missing", missing);
    this.#drawHistogram(spread.bins);
    this.#drawCurve(spread.curve, kind);
  }

  // Of a rule that cannot be read there is nothing to show.
  clear() {
    this.#forget();
    for (const name of ["least", "mean", "most"]) this.#say(name, "–");
    for (const name of ["num_samples", "num_missing"]) this.#say(name, NBSP);
    for (const box of this.root.querySelectorAll("[data-histogram], [data-curve]")) box.replaceChildren();
    const section = this.root.querySelector("[data-curve-section]");
    if (section) section.hidden = true;
  }

  #forget() {
    this.plots.forEach((plot) => plot.destroy());
    this.plots = [];
  }

  #say(name, words) {
    const place = this.root.querySelector(`[data-part="${name}"]`);
    if (place) place.textContent = words;
  }

  #drawHistogram(bins) {
    const box = this.root.querySelector("[data-histogram]");
    if (!box) return;
    if (!bins.length) {
      box.replaceChildren();
      return;
    }
    const width = bins[0].to - bins[0].from || 0.1;
    const middles = bins.map((bin) => (bin.from + bin.to) / 2);
    const ends = [middles[0] - width, middles.at(-1) + width];
    this.#plot(box, [middles, bins.map((bin) => bin.num_samples)], { ends, y: countAxis(), series: bars() });
  }

  #drawCurve(curve, kind) {
    const section = this.root.querySelector("[data-curve-section]");
    if (!section) return;
    section.hidden = !curve || curve.length < 2;
    if (section.hidden) return;
    this.#say("axis", AXES[kind] || "");
    const x = curve.map(([at]) => at);
    const y = axis({ size: 56, space: 34, values: (_, values) => values.map(short) });
    const series = {
      stroke: () => css("--t-s1"),
      fill: () => `${css("--t-s1")}1f`,
      width: 1.5,
      points: { show: false },
    };
    const box = section.querySelector("[data-curve]");
    this.#plot(box, [x, curve.map(([, factor]) => factor)], { ends: [x[0], x.at(-1)], y, series });
  }

  #plot(box, data, { ends, y, series }) {
    box.replaceChildren();
    const options = {
      cursor: { show: false },
      scales: { x: { time: false, range: () => ends }, y: fromZero },
      axes: [bottomAxis({ values: (_, values) => values.map(short) }), y],
      series: [{}, series],
    };
    this.plots.push(plotIn(box, data, options));
  }
}
