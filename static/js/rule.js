// The form of a weighting rule, kept as JSON in its text area, and the charts of what the rule gives.
import { axis, countAxis, css, HEIGHT, keepDrawn, short } from "./chart.js";
import { number } from "./format.js";
import { callJson } from "./http.js";

const AXES = {
  freshness: "factor over the age in days",
  length: "factor over characters",
  linear: "factor over the field's value",
  step: "factor over the field's value",
};

function chart(box, series, { bars, ends }) {
  box.replaceChildren();
  const plot = new window.uPlot(
    {
      width: box.clientWidth,
      height: HEIGHT,
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false, range: () => ends },
        y: { range: (_, low, high) => [0, (high || 1) * 1.1] },
      },
      axes: [
        axis({ size: 26, space: 64, grid: { show: false }, values: (_, values) => values.map(short) }),
        bars ? countAxis() : axis({ size: 56, space: 34, values: (_, values) => values.map(short) }),
      ],
      series: [
        {},
        {
          stroke: () => css("--t-s1"),
          fill: () => `${css("--t-s1")}${bars ? "" : "1f"}`,
          width: bars ? 0 : 1.5,
          points: { show: false },
          paths: bars ? window.uPlot.paths.bars({ size: [0.9, 40], align: 0 }) : undefined,
        },
      ],
    },
    series,
    box,
  );
  return plot;
}

class Charts {
  constructor(root) {
    this.root = root;
    this.plots = [];
    keepDrawn(root, () => this.plots);
  }

  part(name, text) {
    const place = this.root.querySelector(`[data-part="${name}"]`);
    if (place) place.textContent = text;
  }

  // Of a rule that cannot be read there is nothing to show.
  clear() {
    for (const name of ["least", "mean", "most"]) this.part(name, "–");
    for (const name of ["num_samples", "num_missing"]) this.part(name, "\u00a0");
    this.plots.forEach((plot) => plot.destroy());
    this.plots = [];
    for (const box of this.root.querySelectorAll("[data-histogram], [data-curve]")) box.replaceChildren();
    const section = this.root.querySelector("[data-curve-section]");
    if (section) section.hidden = true;
  }

  draw(spread, kind) {
    for (const name of ["least", "mean", "most"]) this.part(name, short(spread[name]));
    this.part("num_samples", `of ${number(spread.num_samples)} samples`);
    this.part(
      "num_missing",
      spread.num_missing ? `missing in ${number(spread.num_missing)}` : "missing nowhere",
    );
    this.plots.forEach((plot) => plot.destroy());
    this.plots = [];
    const box = this.root.querySelector("[data-histogram]");
    if (box && spread.bins.length) {
      const width = spread.bins[0].to - spread.bins[0].from || 0.1;
      const middles = spread.bins.map((bin) => (bin.from + bin.to) / 2);
      this.plots.push(
        chart(box, [middles, spread.bins.map((bin) => bin.num_samples)], {
          bars: true,
          ends: [middles[0] - width, middles.at(-1) + width],
        }),
      );
    } else if (box) box.replaceChildren();
    const section = this.root.querySelector("[data-curve-section]");
    if (!section) return;
    section.hidden = !spread.curve || spread.curve.length < 2;
    if (section.hidden) return;
    this.part("axis", AXES[kind] || "");
    const x = spread.curve.map((point) => point[0]);
    this.plots.push(
      chart(section.querySelector("[data-curve]"), [x, spread.curve.map((point) => point[1])], {
        bars: false,
        ends: [x[0], x.at(-1)],
      }),
    );
  }
}

class Form {
  constructor(form) {
    this.form = form;
    this.area = form.querySelector("textarea[name=definition]");
    this.template = form.querySelector("[data-row-template]");
    const charts = document.querySelector("[data-rule-charts]");
    this.charts = charts && new Charts(charts);
    this.fill();
    form.addEventListener("input", (event) => {
      if (event.target === this.area) this.fill();
      else if (event.target.closest("[data-kinds], [data-key]")) this.write();
    });
    form.addEventListener("click", (event) => this.click(event));
  }

  get kind() {
    return this.form.querySelector("[data-key=kind]").value;
  }

  // What the text area says, into the inputs.
  fill() {
    let rule;
    try {
      rule = JSON.parse(this.area.value);
    } catch {
      return;
    }
    if (typeof rule !== "object" || rule === null) return;
    for (const input of this.form.querySelectorAll("[data-key]"))
      input.value = rule[input.dataset.key] ?? (input.tagName === "SELECT" ? input.value : "");
    for (const box of this.form.querySelectorAll("[data-rows]")) {
      const given = rule[box.dataset.rows];
      const rows =
        box.dataset.rows === "factors"
          ? Object.entries(given ?? { "": "" })
          : (given ?? [
              ["", ""],
              ["", ""],
            ]);
      box.replaceChildren();
      for (const [x, y] of rows) this.add(box, x, y);
    }
    this.show();
    this.ask();
  }

  add(box, x = "", y = "") {
    const row = this.template.content.firstElementChild.cloneNode(true);
    row.querySelector("[data-x]").value = x;
    row.querySelector("[data-y]").value = y;
    if (box.dataset.rows !== "factors") row.querySelector("[data-x]").inputMode = "decimal";
    box.append(row);
  }

  show() {
    for (const part of this.form.querySelectorAll("[data-kinds]"))
      part.hidden = !part.dataset.kinds.split(" ").includes(this.kind);
  }

  click(event) {
    const add = event.target.closest("[data-add]");
    const remove = event.target.closest("[data-remove]");
    if (add) {
      const box = this.form.querySelector(`[data-rows="${add.dataset.add}"]`);
      this.add(box);
      box.lastElementChild.querySelector("input").focus();
    }
    if (remove) {
      remove.closest(".th-mix-row").remove();
      this.write();
    }
  }

  // What the inputs of the kind say, into the text area; numbers may have a decimal comma.
  write() {
    const rule = { kind: this.kind };
    const numeric = (text) => {
      const value = Number(text.trim().replace(",", "."));
      return text.trim() !== "" && Number.isFinite(value) ? value : text;
    };
    for (const input of this.form.querySelectorAll("[data-key]")) {
      const part = input.closest("[data-kinds]");
      if (
        input.dataset.key === "kind" ||
        (part && !part.dataset.kinds.split(" ").includes(this.kind)) ||
        input.value.trim() === ""
      )
        continue;
      rule[input.dataset.key] = "number" in input.dataset ? numeric(input.value) : input.value;
    }
    for (const box of this.form.querySelectorAll("[data-rows]")) {
      if (!box.closest("[data-kinds]").dataset.kinds.split(" ").includes(this.kind)) continue;
      const rows = [...box.children]
        .map((row) => [row.querySelector("[data-x]").value, row.querySelector("[data-y]").value])
        .filter(([x, y]) => x.trim() !== "" && y.trim() !== "");
      if (box.dataset.rows === "factors")
        rule.factors = Object.fromEntries(rows.map(([x, y]) => [x, numeric(y)]));
      else
        rule[box.dataset.rows] = rows.map(([x, y]) => [numeric(x), numeric(y)]).sort((a, b) => a[0] - b[0]);
    }
    this.area.value = JSON.stringify(rule, null, 1);
    this.show();
    this.ask();
  }

  ask() {
    clearTimeout(this.timer);
    this.controller?.abort(); // it was asked for the rule of before
    if (this.form.dataset.preview && this.charts) this.timer = setTimeout(() => this.preview(), 250);
  }

  async preview() {
    this.controller = new AbortController();
    const trouble = this.form.querySelector("[data-rule-error]");
    for (const sent of this.form.querySelectorAll("[data-sent-error]")) sent.remove(); // what the live check says is newer
    try {
      const spread = await callJson("POST", this.form.dataset.preview, {
        json: JSON.parse(this.area.value),
        signal: this.controller.signal,
      });
      trouble.hidden = true;
      this.charts.draw(spread, this.kind);
    } catch (error) {
      if (error.name === "AbortError") return;
      trouble.hidden = false;
      trouble.textContent = error.message;
      this.charts.clear();
    }
  }
}

for (const form of document.querySelectorAll("[data-rule]")) new Form(form);
const told = document.getElementById("rule-spread");
if (told) {
  const root = document.querySelector("[data-rule-charts]");
  new Charts(root).draw(JSON.parse(told.textContent), root.dataset.kind);
}
