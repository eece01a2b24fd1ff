// Histograms of a version or theme: bars by bin, with a line above that reads out the one under the pointer.
import { bars, bottomAxis, countAxis, fromZero, keepDrawn, plotIn, readByKeys, short } from "./chart.js";
import { number } from "./format.js";

const two = (value) => String(value).padStart(2, "0");
const NAMES = {
  hour: (date) => `${NAMES.day(date)} ${two(date.getUTCHours())}:00`,
  day: (date) => `${NAMES.month(date)}-${two(date.getUTCDate())}`,
  month: (date) => `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}`,
  quarter: (date) => `${date.getUTCFullYear()} Q${Math.floor(date.getUTCMonth() / 3) + 1}`,
  year: (date) => String(date.getUTCFullYear()),
  decade: (date) => `${date.getUTCFullYear()}s`,
  century: (date) => `${date.getUTCFullYear()}s`,
};

// A histogram as the chart takes it: each bin's count, its label at the axis, and its name when read out.
function read(name, told) {
  if (name === "times") {
    const names = told.bins.map(([start]) => NAMES[told.unit](new Date(start * 1000)));
    return { counts: told.bins.map(([, count]) => count), labels: names, names };
  }
  if (name === "weights") {
    const at = (i) => (told.from + (i * (told.to - told.from)) / told.counts.length).toFixed(1);
    return {
      counts: told.counts,
      labels: told.counts.map((_, i) => at(i)),
      names: told.counts.map((_, i) => `weight ${at(i)} to ${at(i + 1)}`),
    };
  }
  if (name === "difficulty")
    return {
      counts: told.map((bin) => bin.num_samples),
      labels: told.map((bin) => short(bin.from)),
      names: told.map((bin) => `mean loss ${short(bin.from)} to ${short(bin.to)}`),
    };
  const unit = name === "line_bytes" ? "bytes" : "characters";
  return {
    counts: told.bins.map(([, , count]) => count),
    labels: told.bins.map(([from]) => short(from)),
    names: told.bins.map(
      ([from, below]) => `${number(from)}${below - from > 1 ? ` to ${number(below - 1)}` : ""} ${unit}`,
    ),
  };
}

function draw(box, { counts, labels, names }) {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const readout = box.querySelector("[data-readout]");
  const told = readout.textContent;
  const tell = (plot) => {
    const i = plot.cursor.idx;
    if (i == null) readout.textContent = told;
    else {
      const share = ((100 * counts[i]) / total).toFixed(1);
      const noun = counts[i] === 1 ? "sample" : "samples";
      readout.textContent = `${names[i]}: ${number(counts[i])} ${noun}, ${share} %`;
    }
  };
  const place = box.querySelector(".th-chart");
  place.replaceChildren();
  const options = {
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    hooks: { setCursor: [tell] },
    scales: { x: { time: false, range: () => [-0.6, counts.length - 0.4] }, y: fromZero },
    axes: [
      bottomAxis({ incrs: [1, 2, 5, 10, 20, 50], values: (_, at) => at.map((i) => labels[i] ?? "") }),
      countAxis(),
    ],
    series: [{}, bars()],
  };
  const plot = plotIn(place, [counts.map((_, i) => i), counts], options);
  readByKeys(place, plot, { name: `${box.querySelector("b")?.textContent ?? ""} ${told}`.trim(), readout });
  return plot;
}

let plots = [];
function show() {
  const root = document.querySelector("[data-statistics]");
  const data = root?.querySelector("#statistics-data");
  if (!data || root.dataset.drawn) return;
  root.dataset.drawn = "yes";
  plots.forEach((plot) => plot.destroy());
  const told = JSON.parse(data.textContent);
  plots = [...root.querySelectorAll("[data-chart]")].map((box) =>
    draw(box, read(box.dataset.chart, told[box.dataset.chart])),
  );
  keepDrawn(root, () => plots);
}

show();
document.addEventListener("htmx:afterSettle", show);
