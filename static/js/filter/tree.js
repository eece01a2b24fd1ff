// A filter as a tree, as the API has it: groups of `all` or `any`, `not`, conditions, free expressions.
export const OPS = {
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
export const KINDS = { all: "all of these hold", any: "any of these holds" };

export const isGroup = (node) => node.all !== undefined || node.any !== undefined;
export const kindOf = (node) => (node.all !== undefined ? "all" : "any");

// The tree that a text says, or null. It always has a group at its root, and `not` around single nodes only.
export function parse(text) {
  try {
    const tree = JSON.parse(text);
    if (typeof tree !== "object" || tree === null || !Object.keys(tree).length) return null;
    return isGroup(tree) ? tree : { all: [tree] };
  } catch {
    return null;
  }
}

// What is sent and saved: a group of one condition is written as that condition.
export function written(tree) {
  const items = tree[kindOf(tree)];
  return items.length === 1 ? items[0] : tree;
}

// Whether every condition has its value: before, there is nothing to ask the server.
export function isComplete(node) {
  if (node.not !== undefined) return isComplete(node.not);
  if (isGroup(node)) return node[kindOf(node)].every(isComplete);
  if (node.expression !== undefined) return node.expression.trim() !== "";
  if (node.op === "exists") return true;
  const values = [].concat(node.value);
  return values.length > 0 && values.every((each) => each !== "" && each != null);
}

// The fields of a dataset with the JSON types they hold, so that what is typed becomes a value of theirs.
export class Fields {
  #types;

  constructor(list) {
    this.names = list.map((field) => field.name);
    this.#types = new Map(list.map((field) => [field.name, field.types]));
  }

  fresh() {
    return { field: this.names[0] ?? "", op: "contains", value: "" };
  }

  // Nulls stand beside any type, but a field of nothing but nulls has none.
  #holds(name, ...wanted) {
    const types = this.#types.get(name) ?? [];
    return (
      types.every((type) => wanted.includes(type) || type === "null") && types.some((type) => type !== "null")
    );
  }

  isNumeric(name) {
    return this.#holds(name, "integer", "number");
  }

  isBoolean(name) {
    return this.#holds(name, "boolean");
  }

  value(name, text) {
    const trimmed = text.trim();
    if (this.isNumeric(name) && trimmed !== "" && Number.isFinite(Number(trimmed))) return Number(trimmed);
    if (this.isBoolean(name) && (trimmed === "true" || trimmed === "false")) return trimmed === "true";
    return text;
  }

  // Another operator, with as much of the value as it can take over.
  setOp(node, op) {
    const first = Array.isArray(node.value) ? node.value[0] : node.value;
    node.op = op;
    if (op === "exists") node.value = true;
    else if (op === "between") node.value = [first === true ? "" : first, ""];
    else if (op === "in") node.value = [first === true ? "" : first];
    else node.value = typeof first === "boolean" && !this.isBoolean(node.field) ? "" : (first ?? "");
  }
}
