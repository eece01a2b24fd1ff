// JSON as coloured code, without parsing it: numbers keep their spelling.
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

export function jsonNodes(raw, { indent = true } = {}) {
  const tokens = raw.match(TOKEN) || [];
  const made = document.createDocumentFragment();
  let depth = 0;
  const line = () => (indent ? `\n${"  ".repeat(Math.max(0, Math.min(depth, 40)))}` : " ");
  const coloured = (kind, text) => {
    const span = document.createElement("span");
    span.className = kind;
    span.textContent = text;
    return span;
  };
  tokens.forEach((token, i) => {
    const next = tokens[i + 1];
    if (token === "{" || token === "[") {
      depth += 1;
      made.append(token, next === "}" || next === "]" ? "" : line());
    } else if (token === "}" || token === "]") {
      depth -= 1;
      made.append(tokens[i - 1] === "{" || tokens[i - 1] === "[" ? "" : line(), token);
    } else if (token === ",") made.append(",", line());
    else if (token === ":") made.append(": ");
    else if (token[0] === '"') made.append(coloured(next === ":" ? "k" : "s", token));
    else made.append(coloured("n", token));
  });
  return made;
}
