// Copies the fonts and scripts the console serves out of node_modules, and draws one sprite of the icons used.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";

const icons = readFileSync(new URL("icons.txt", import.meta.url), "utf8")
  .split(/\s+/)
  .filter(Boolean);
const from = (path) => new URL(`../../node_modules/${path}`, import.meta.url);
const to = (path) => new URL(`../${path}`, import.meta.url);
const copies = {
  "htmx.org/dist/htmx.min.js": "vendor/htmx.min.js",
  "htmx.org/LICENSE": "vendor/htmx.LICENSE",
  "@alpinejs/csp/dist/module.esm.min.js": "vendor/alpine-csp.esm.min.js",
  "uplot/dist/uPlot.iife.min.js": "vendor/uplot.iife.min.js",
  "uplot/LICENSE": "vendor/uplot.LICENSE",
  "lucide-static/LICENSE": "vendor/lucide.LICENSE",
  "@fontsource-variable/ibm-plex-sans/files/ibm-plex-sans-latin-wght-normal.woff2":
    "fonts/ibm-plex-sans-latin-wght-normal.woff2",
  "@fontsource-variable/ibm-plex-sans/LICENSE": "fonts/ibm-plex-sans.LICENSE",
  "@fontsource/ibm-plex-mono/files/ibm-plex-mono-latin-400-normal.woff2":
    "fonts/ibm-plex-mono-latin-400-normal.woff2",
  "@fontsource/ibm-plex-mono/files/ibm-plex-mono-latin-500-normal.woff2":
    "fonts/ibm-plex-mono-latin-500-normal.woff2",
  "@fontsource/ibm-plex-mono/LICENSE": "fonts/ibm-plex-mono.LICENSE",
  "@fontsource/ibm-plex-serif/files/ibm-plex-serif-latin-400-normal.woff2":
    "fonts/ibm-plex-serif-latin-400-normal.woff2",
  "@fontsource/ibm-plex-serif/files/ibm-plex-serif-latin-600-normal.woff2":
    "fonts/ibm-plex-serif-latin-600-normal.woff2",
  "@fontsource/ibm-plex-serif/LICENSE": "fonts/ibm-plex-serif.LICENSE",
};

mkdirSync(to("vendor"), { recursive: true });
mkdirSync(to("fonts"), { recursive: true });
for (const [source, target] of Object.entries(copies)) copyFileSync(from(source), to(target));

const symbols = icons.map((name) => {
  const svg = readFileSync(from(`lucide-static/icons/${name}.svg`), "utf8");
  const body = svg
    .replace(/<!--.*?-->/gs, "")
    .replace(/^[\s\S]*?<svg[\s\S]*?>/, "")
    .replace(/<\/svg>\s*$/, "");
  return `<symbol id="${name}" viewBox="0 0 24 24">${body.replace(/\s*\n\s*/g, "")}</symbol>`;
});
writeFileSync(
  to("vendor/lucide.svg"),
  `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`,
);
