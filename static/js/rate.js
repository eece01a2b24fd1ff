// A job's rate while its page is open, from its live progress events.
import { axis, css, fromZero, keepDrawn, plotIn } from "./chart.js";
import { rate } from "./format.js";

// The steps of the axis, in seconds.
const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];

const two = (value) => String(value).padStart(2, "0");
const clock = (seconds) => {
  const at = new Date(1000 * seconds);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
};

function draw(section) {
  const box = section.querySelector(".th-chart");
  const job = Number(section.dataset.rateChart);
  const data = [[], []];
  let unit = "bytes";
  const chart = plotIn(box, data, {
    padding: [8, 4, 0, 0],
    cursor: { y: false, points: { size: 6 } },
    scales: { y: fromZero },
    axes: [
      axis({ space: 72, incrs: SECONDS, grid: { show: false }, values: (_, values) => values.map(clock) }),
      axis({
        size: 72,
        space: 34,
        values: (_, values) => values.map((value) => (value ? rate(value, unit) : "0")),
      }),
    ],
    series: [
      {},
      { stroke: () => css("--t-s1"), fill: () => `${css("--t-s1")}1f`, width: 1.5, points: { show: false } },
    ],
  });
  keepDrawn(box, () => [chart]);
  document.body.addEventListener("themis:event", ({ detail: event }) => {
    if (event.job !== job || event.kind !== "job.progress" || !event.data.rate) return;
    unit = event.data.unit;
    data[0].push(Date.parse(event.created_at) / 1000);
    data[1].push(event.data.rate);
    chart.setData(data);
  });
}

document.querySelectorAll("[data-rate-chart]").forEach(draw);
