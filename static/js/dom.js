// Elements, made in one expression: properties, `data-` and other attributes, and what is in them.
const SVG = "http://www.w3.org/2000/svg";

export function el(tag, { data = {}, attrs = {}, ...properties } = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  Object.assign(made.dataset, data);
  for (const [name, value] of Object.entries(attrs)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function svg(tag, attrs, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attrs)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// One of the sprite's icons, as the server's `icon` tag draws it.
export const icon = (sprite, name) =>
  svg("svg", { class: "icon icon-sm", "aria-hidden": "true" }, svg("use", { href: `${sprite}#${name}` }));
