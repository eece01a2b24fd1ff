// A filter's tree as rows of inputs: they write into the tree themselves and then say that it has changed.
import { el, icon } from "../dom.js";
import { isGroup, KINDS, kindOf, OPS } from "./tree.js";

export class Rows {
  // `leaves` are the conditions and expressions in their order, each with the place of its count.
  constructor({ fields, icons, changed }) {
    Object.assign(this, { fields, icons, changed, leaves: [] });
  }

  draw(tree) {
    this.leaves = [];
    return this.#group(tree, null);
  }

  // Every node is given how to put another in its place, and how to go.
  #node(node, replace, remove) {
    if (node.not !== undefined) return this.#negated(node, replace, remove);
    if (isGroup(node)) {
      const box = this.#group(node, remove);
      box.querySelector(".th-group-h").append(this.#not(node, replace));
      return box;
    }
    return node.expression === undefined
      ? this.#condition(node, replace, remove)
      : this.#free(node, replace, remove);
  }

  #group(node, remove) {
    const kind = kindOf(node);
    const items = node[kind];
    const head = el("div", { className: "th-group-h" }, this.#joint(node), ...this.#additions(kind, items));
    if (remove) head.append(this.#cross("Remove the group", remove));
    const box = el("div", { className: "th-group" }, head);
    items.forEach((item, index) => {
      const replace = (next) => {
        items[index] = next;
      };
      const leave = () => {
        items.splice(index, 1);
        // The outermost group is never empty.
        if (!items.length && !remove) items.push(this.fields.fresh());
        this.#redraw();
      };
      box.append(this.#node(item, replace, leave));
    });
    return box;
  }

  #joint(node) {
    const kind = kindOf(node);
    return this.#choice(Object.entries(KINDS), kind, {
      className: "select select-xs",
      label: "How the conditions are joined",
      choose: (next) => {
        node[next] = node[kind];
        if (next !== kind) delete node[kind];
        this.#redraw();
      },
    });
  }

  #additions(kind, items) {
    const add = (label, item) =>
      this.#button(
        label,
        () => {
          items.push(item());
          this.#redraw();
        },
        { sign: "plus" },
      );
    const expression = () => {
      // The first condition, still empty, was only an offer.
      if (items.length === 1 && items[0].value === "") items.pop();
      return { expression: "" };
    };
    return [
      add("Condition", () => this.fields.fresh()),
      add("Expression", expression),
      add("Group", () => ({ [kind === "all" ? "any" : "all"]: [this.fields.fresh()] })),
    ];
  }

  #negated(node, replace, remove) {
    const inner = this.#node(
      node.not,
      (next) => {
        node.not = next;
      },
      remove,
    );
    const tag = this.#button(
      "not",
      () => {
        replace(node.not);
        this.#redraw();
      },
      { quiet: false },
    );
    tag.classList.add("th-not");
    tag.title = "Take the “not” away";
    return el("div", { className: "th-negated" }, tag, inner);
  }

  // A free expression, checked by the server.
  #free(node, replace, remove) {
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
    return el(
      "div",
      { className: "th-cond free", data: { condition: "" } },
      text,
      this.#cross("Remove the expression", remove),
      this.#foot(node, replace),
    );
  }

  #condition(node, replace, remove) {
    return el(
      "div",
      { className: "th-cond", data: { condition: "" } },
      this.#field(node),
      this.#op(node),
      this.#values(node),
      this.#cross("Remove the condition", remove),
      this.#foot(node, replace),
    );
  }

  #field(node) {
    // A field may be gone, or stand behind those that are listed.
    const names = this.fields.names.includes(node.field)
      ? this.fields.names
      : [node.field, ...this.fields.names];
    const options = names.map((name) => [name, name]);
    return this.#choice(options, node.field, {
      label: "Field",
      part: "field",
      choose: (name) => {
        node.field = name;
        this.#redraw();
      },
    });
  }

  #op(node) {
    return this.#choice(Object.entries(OPS), node.op, {
      label: "Operator",
      part: "op",
      choose: (op) => {
        this.fields.setOp(node, op);
        this.#redraw();
      },
    });
  }

  #values(node) {
    if (node.op === "exists") return this.#yesOrNo(node);
    if (node.op === "between") return this.#bounds(node);
    const typed = (text) => this.fields.value(node.field, text);
    if (node.op === "in") {
      const listed = [].concat(node.value).join(", ");
      return this.#input(listed, "Values, with commas between them", (text) => {
        const values = text.split(",").map((each) => typed(each.trim()));
        node.value = values.filter((each) => each !== "");
      });
    }
    return this.#input(node.value, "Value", (text) => {
      node.value = typed(text);
    });
  }

  #yesOrNo(node) {
    const options = [
      ["true", "yes"],
      ["false", "no"],
    ];
    return this.#choice(options, String(node.value !== false), {
      label: "Value",
      part: "value",
      choose: (value) => {
        node.value = value === "true";
        this.changed();
      },
    });
  }

  #bounds(node) {
    const values = Array.isArray(node.value) ? node.value : [node.value, ""];
    node.value = values;
    const bound = (index, label) => {
      const set = (text) => {
        values[index] = this.fields.value(node.field, text);
      };
      return this.#input(values[index], label, set, { part: null });
    };
    return el(
      "div",
      { className: "vals flex items-center gap-1.5" },
      bound(0, "From"),
      el("span", { className: "meta" }, "and"),
      bound(1, "To"),
    );
  }

  #input(text, label, set, { part = "value" } = {}) {
    return el("input", {
      className: "input input-sm",
      value: text ?? "",
      autocomplete: "off",
      spellcheck: false,
      attrs: { "aria-label": label },
      data: part ? { part } : {},
      oninput: (event) => {
        set(event.target.value);
        this.changed();
      },
    });
  }

  #choice(options, chosen, { className = "select select-sm", label, part, choose }) {
    const select = el("select", {
      className,
      attrs: { "aria-label": label },
      data: part ? { part } : {},
      onchange: () => choose(select.value),
    });
    for (const [value, words] of options) select.append(new Option(words, value, false, value === chosen));
    return select;
  }

  // Below a row: how much it keeps by itself, and its negation.
  #foot(node, replace) {
    const count = el("span", { data: { part: "count" } });
    this.leaves.push({ node, count });
    return el(
      "p",
      { className: "cnt" },
      count,
      el("span", { className: "ml-auto" }, this.#not(node, replace)),
    );
  }

  #not(node, replace) {
    return this.#button("Not", () => {
      replace({ not: node });
      this.#redraw();
    });
  }

  #cross(label, action) {
    const made = this.#button("", action, { sign: "x" });
    made.setAttribute("aria-label", label);
    made.title = label;
    return made;
  }

  #button(label, action, { sign, quiet = true } = {}) {
    const look = quiet ? "btn-quiet" : "btn-line";
    const made = el("button", { type: "button", className: `btn btn-xs ${look}`, onclick: action });
    if (sign) made.append(icon(this.icons, sign));
    if (label) made.append(label);
    return made;
  }

  // What has another shape now is drawn anew; typing in an input only changes its value.
  #redraw() {
    this.changed({ redraw: true });
  }
}
