// The filter builder: a tree of conditions as rows, kept as JSON in the form's text area, counted live by the API.
import { number } from "./format.js";
import { callJson } from "./http.js";

const OPS = {
  contains: "contains",
  eq: "is",
  ne: "is not",
  starts_with: "starts with",
  ends_with: "ends with",
  matches: "matches",
  lt: "is below",
  le: "is at most",
  gt: "is above",
  ge: "is at least",
  between: "is between",
  in: "is one of",
  exists: "exists",
};
const KINDS = { all: "all of these hold", any: "any of these holds" };
const NUMERIC = new Set(["integer", "number", "null"]);

const isGroup = (node) => node.all !== undefined || node.any !== undefined;
const kindOf = (node) => (node.all !== undefined ? "all" : "any");
const el = (tag, props = {}, ...children) => {
  const { data, attrs, ...rest } = props;
  const made = Object.assign(document.createElement(tag), rest);
  Object.assign(made.dataset, data || {});
  for (const [name, value] of Object.entries(attrs || {})) made.setAttribute(name, value);
  made.append(...children);
  return made;
};

class Builder {
  constructor(root) {
    this.root = root;
    this.area = root.querySelector("textarea[name=where]");
    this.place = root.querySelector("[data-tree]");
    this.fields = JSON.parse(document.getElementById("theme-fields").textContent);
    this.preview = root.dataset.preview;
    this.matches = document.querySelector("[data-matches]");
    this.icons = root.dataset.icons;
    this.controller = null;
    this.tree = this.read() ?? { all: [this.fresh()] };
    this.render();
    this.area.addEventListener("input", () => {
      const tree = this.read();
      if (tree) {
        this.tree = tree;
        this.render({ keepArea: true });
      }
    });
  }

  fresh() {
    return { field: this.fields[0]?.name ?? "", op: "contains", value: "" };
  }

  // The tree of the text area, always with a group at its root and `not` around single nodes only.
  read() {
    try {
      const tree = JSON.parse(this.area.value);
      if (typeof tree !== "object" || tree === null || !Object.keys(tree).length) return null;
      return isGroup(tree) ? tree : { all: [tree] };
    } catch {
      return null;
    }
  }

  // A group of one condition is written as that condition.
  document() {
    const items = this.tree[kindOf(this.tree)];
    return items.length === 1 ? items[0] : this.tree;
  }

  numeric(name) {
    const field = this.fields.find((each) => each.name === name);
    return (
      !!field && field.types.every((type) => NUMERIC.has(type)) && field.types.some((type) => type !== "null")
    );
  }
  boolean(name) {
    const field = this.fields.find((each) => each.name === name);
    return (
      !!field &&
      field.types.every((type) => type === "boolean" || type === "null") &&
      field.types.includes("boolean")
    );
  }

  value(name, text) {
    const trimmed = text.trim();
    if (this.numeric(name) && trimmed !== "" && Number.isFinite(Number(trimmed))) return Number(trimmed);
    if (this.boolean(name) && (trimmed === "true" || trimmed === "false")) return trimmed === "true";
    return text;
  }

  changed({ redraw = false } = {}) {
    this.area.value = JSON.stringify(this.document(), null, 1);
    if (redraw) this.render();
    else this.count();
  }

  render({ keepArea = false } = {}) {
    this.leaves = [];
    this.place.replaceChildren(this.group(this.tree, null));
    if (!keepArea) this.area.value = JSON.stringify(this.document(), null, 1);
    this.count();
  }

  icon(name) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "icon icon-sm");
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `${this.icons}#${name}`);
    svg.append(use);
    return svg;
  }

  button(label, action, { icon, quiet = true } = {}) {
    const made = el("button", {
      type: "button",
      className: `btn btn-xs ${quiet ? "btn-quiet" : "btn-line"}`,
      onclick: action,
    });
    if (icon) {
      made.append(this.icon(icon));
      if (icon === "x") {
        made.setAttribute("aria-label", label);
        made.title = label;
        return made;
      }
    }
    made.append(label);
    return made;
  }

  group(node, remove) {
    const kind = kindOf(node);
    const items = node[kind];
    const choose = el("select", {
      className: "select select-xs",
      onchange: () => {
        const next = choose.value;
        node[next] = node[kind];
        if (next !== kind) delete node[kind];
        this.changed({ redraw: true });
      },
      attrs: { "aria-label": "How the conditions are joined" },
    });
    for (const [value, label] of Object.entries(KINDS))
      choose.append(new Option(label, value, false, value === kind));
    const head = el(
      "div",
      { className: "th-group-h" },
      choose,
      this.button(
        "Condition",
        () => {
          items.push(this.fresh());
          this.changed({ redraw: true });
        },
        { icon: "plus" },
      ),
      this.button(
        "Expression",
        () => {
          // The first condition, still empty, was only an offer.
          if (items.length === 1 && items[0].value === "") items.pop();
          items.push({ expression: "" });
          this.changed({ redraw: true });
        },
        { icon: "plus" },
      ),
      this.button(
        "Group",
        () => {
          items.push({ [kind === "all" ? "any" : "all"]: [this.fresh()] });
          this.changed({ redraw: true });
        },
        { icon: "plus" },
      ),
    );
    if (remove) head.append(this.button("Remove the group", remove, { icon: "x" }));
    const box = el("div", { className: "th-group" }, head);
    items.forEach((item, index) =>
      box.append(
        this.node(
          item,
          (next) => {
            items[index] = next;
          },
          () => {
            items.splice(index, 1);
            if (!items.length && !remove) items.push(this.fresh());
            this.changed({ redraw: true });
          },
        ),
      ),
    );
    return box;
  }

  node(node, replace, remove) {
    if (node.not !== undefined) {
      const inner = this.node(
        node.not,
        (next) => {
          node.not = next;
        },
        remove,
      );
      const tag = this.button(
        "not",
        () => {
          replace(node.not);
          this.changed({ redraw: true });
        },
        { quiet: false },
      );
      tag.classList.add("th-not");
      tag.title = "Take the “not” away";
      return el("div", { className: "th-negated" }, tag, inner);
    }
    if (isGroup(node)) {
      const box = this.group(node, remove);
      box.querySelector(".th-group-h").append(
        this.button("Not", () => {
          replace({ not: node });
          this.changed({ redraw: true });
        }),
      );
      return box;
    }
    return node.expression === undefined ? this.row(node, replace, remove) : this.free(node, replace, remove);
  }

  // A free expression, checked by the server.
  free(node, replace, remove) {
    const text = el("input", {
      className: "input input-sm",
      value: node.expression,
      autocomplete: "off",
      spellcheck: false,
      placeholder: "length(text) > 200 and law like 'B%'",
      attrs: { "aria-label": "Expression" },
      data: { part: "expression" },
      oninput: () => {
        node.expression = text.value;
        this.changed();
      },
    });
    const count = el("p", { className: "cnt" });
    this.leaves.push({ node, count });
    count.append(
      el("span", { data: { part: "count" } }),
      el(
        "span",
        { className: "ml-auto" },
        this.button("Not", () => {
          replace({ not: node });
          this.changed({ redraw: true });
        }),
      ),
    );
    return el(
      "div",
      { className: "th-cond free", data: { condition: "" } },
      text,
      this.button("Remove the expression", remove, { icon: "x" }),
      count,
    );
  }

  row(node, replace, remove) {
    const field = el("select", {
      className: "select select-sm",
      attrs: { "aria-label": "Field" },
      data: { part: "field" },
      onchange: () => {
        node.field = field.value;
        this.changed({ redraw: true });
      },
    });
    const names = this.fields.map((each) => each.name);
    if (!names.includes(node.field)) names.unshift(node.field);
    for (const name of names) field.append(new Option(name, name, false, name === node.field));
    const op = el("select", {
      className: "select select-sm",
      attrs: { "aria-label": "Operator" },
      data: { part: "op" },
      onchange: () => {
        this.setOp(node, op.value);
        this.changed({ redraw: true });
      },
    });
    for (const [value, label] of Object.entries(OPS))
      op.append(new Option(label, value, false, value === node.op));
    const count = el("p", { className: "cnt" });
    this.leaves.push({ node, count });
    count.append(
      el("span", { data: { part: "count" } }),
      el(
        "span",
        { className: "ml-auto" },
        this.button("Not", () => {
          replace({ not: node });
          this.changed({ redraw: true });
        }),
      ),
    );
    return el(
      "div",
      { className: "th-cond", data: { condition: "" } },
      field,
      op,
      this.values(node),
      this.button("Remove the condition", remove, { icon: "x" }),
      count,
    );
  }

  setOp(node, op) {
    const first = Array.isArray(node.value) ? node.value[0] : node.value;
    node.op = op;
    if (op === "exists") node.value = true;
    else if (op === "between") node.value = [first === true ? "" : first, ""];
    else if (op === "in") node.value = [first === true ? "" : first];
    else node.value = typeof first === "boolean" && !this.boolean(node.field) ? "" : (first ?? "");
  }

  values(node) {
    if (node.op === "exists") {
      const choose = el("select", {
        className: "select select-sm",
        attrs: { "aria-label": "Value" },
        data: { part: "value" },
        onchange: () => {
          node.value = choose.value === "true";
          this.changed();
        },
      });
      choose.append(
        new Option("yes", "true", false, node.value === true),
        new Option("no", "false", false, node.value === false),
      );
      return choose;
    }
    const input = (text, set, label, list = false) =>
      el("input", {
        className: "input input-sm",
        value: text ?? "",
        autocomplete: "off",
        spellcheck: false,
        attrs: { "aria-label": label },
        data: list ? {} : { part: "value" },
        oninput: (event) => {
          set(event.target.value);
          this.changed();
        },
      });
    if (node.op === "between") {
      const values = Array.isArray(node.value) ? node.value : [node.value, ""];
      node.value = values;
      return el(
        "div",
        { className: "vals flex items-center gap-1.5" },
        input(
          values[0],
          (text) => {
            values[0] = this.value(node.field, text);
          },
          "From",
          true,
        ),
        el("span", { className: "meta" }, "and"),
        input(
          values[1],
          (text) => {
            values[1] = this.value(node.field, text);
          },
          "To",
          true,
        ),
      );
    }
    if (node.op === "in")
      return input(
        [].concat(node.value).join(", "),
        (text) => {
          node.value = text
            .split(",")
            .map((each) => this.value(node.field, each.trim()))
            .filter((each) => each !== "");
        },
        "Values, with commas between them",
      );
    return input(
      node.value,
      (text) => {
        node.value = this.value(node.field, text);
      },
      "Value",
    );
  }

  complete(node) {
    if (node.not !== undefined) return this.complete(node.not);
    if (isGroup(node)) return node[kindOf(node)].every((each) => this.complete(each));
    if (node.expression !== undefined) return node.expression.trim() !== "";
    if (node.op === "exists") return true;
    return (
      [].concat(node.value).length > 0 && [].concat(node.value).every((each) => each !== "" && each != null)
    );
  }

  count() {
    clearTimeout(this.timer);
    this.controller?.abort(); // it was asked for the filter of before
    const total = this.root.querySelector("[data-count]");
    total.setAttribute("aria-busy", "true");
    this.timer = setTimeout(() => this.ask(total), 250);
  }

  async ask(total) {
    this.controller = new AbortController();
    const { signal } = this.controller;
    const trouble = this.root.querySelector("[data-filter-error]");
    trouble.hidden = true;
    for (const { count } of this.leaves) count.firstChild.textContent = "";
    if (!this.preview) return;
    for (const sent of this.root.querySelectorAll("[data-sent-error]")) sent.remove(); // what the live check says is newer
    if (!this.complete(this.document())) {
      total.textContent = "–";
      total.setAttribute("aria-busy", "false");
      return;
    }
    try {
      const answer = await callJson("POST", this.preview, { json: { where: this.document() }, signal });
      total.textContent = number(answer.num_samples);
      const bar = this.root.querySelector("[data-share]");
      bar.max = answer.total || 1;
      bar.value = answer.num_samples;
      this.samples(signal).catch(() => {}); // another filter has others, and a server that is gone is told of above
      // What each condition keeps by itself comes in the order in which they are written.
      if (this.leaves.length > 1)
        this.leaves.forEach(({ count }, i) => {
          count.firstChild.textContent = `keeps ${number(answer.counts[i]?.num_samples)} by itself`;
        });
    } catch (error) {
      if (error.name === "AbortError") return;
      total.textContent = "–";
      trouble.hidden = false;
      trouble.textContent = error.message;
    } finally {
      if (!signal.aborted) total.setAttribute("aria-busy", "false");
    }
  }

  async samples(signal) {
    if (!this.matches) return;
    const body = new FormData();
    body.set("where", JSON.stringify(this.document()));
    body.set("csrfmiddlewaretoken", document.body.dataset.csrf);
    const response = await fetch(this.matches.dataset.matches, { method: "POST", body, signal });
    if (response.ok) this.matches.innerHTML = await response.text();
  }
}

document.querySelectorAll("[data-conditions]").forEach((root) => new Builder(root));
