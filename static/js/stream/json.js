// JSON as coloured code, without parsing it: numbers keep their spelling.
import { el } from "../dom.js";

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;
const DEEPEST = 40;

const opens = (token) => token === "{" || token === "[";
const closes = (token) => token === "}" || token === "]";

export function jsonNodes(raw) {
  const tokens = raw.match(TOKEN) || [];
  const made = document.createDocumentFragment();
  let depth = 0;
  const newLine = () => `\n${"  ".repeat(Math.max(0, Math.min(depth, DEEPEST)))}`;
  const coloured = (kind, text) => el("span", { className: kind }, text);
  tokens.forEach((token, i) => {
    const next = tokens[i + 1];
    if (opens(token)) {
      depth += 1;
      made.append(token, closes(next) ? "" : newLine());
    } else if (closes(token)) {
      depth -= 1;
      made.append(opens(tokens[i - 1]) ? "" : newLine(), token);
    } else if (token === ",") made.append(",", newLine());
    else if (token === ":") made.append(": ");
    else if (token[0] === '"') made.append(coloured(next === ":" ? "k" : "s", token));
    else made.append(coloured("n", token));
  });
  return made;
}
