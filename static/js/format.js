// Numbers, sizes, rates, durations and times, written as the server's template tags write them.
const NBSP = "\u00a0";
const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

export const number = (value) => (value == null ? "–" : Math.round(value).toLocaleString("en-US"));

export function bytes(value) {
  if (value == null) return "–";
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 99.95 ? value.toFixed(0) : value.toFixed(1)}${NBSP}${UNITS[unit]}`;
}

export const amount = (value, unit) => (unit === "bytes" ? bytes(value) : number(value));
export const rate = (value, unit) =>
  !value ? "–" : unit === "bytes" ? `${bytes(value)}/s` : `${number(value)}/s`;

export function duration(seconds) {
  if (seconds == null) return "–";
  if (seconds < 1) return "under 1 s";
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return whole % 60 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${Math.floor(minutes / 60)} h`;
}

const two = (value) => String(value).padStart(2, "0");

export function localTime(date) {
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

function ago(date) {
  const seconds = (Date.now() - date.getTime()) / 1000;
  if (seconds < -60 || seconds > 12 * 3600) return null;
  if (seconds < 45) return "just now";
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  return `${Math.round(seconds / 3600)} h ago`;
}

export function showTimes(root = document) {
  for (const element of root.querySelectorAll("time[data-when]")) {
    const date = new Date(element.dateTime);
    const text = (element.dataset.when === "relative" && ago(date)) || localTime(date);
    if (element.textContent !== text) element.textContent = text;
  }
}

// "41,210 of 105,198 · 8,430/s · 8 s left"
export function progressLine({ done, total, unit, rate: speed, eta_seconds: eta }) {
  const parts = [total ? `${amount(done, unit)} of ${amount(total, unit)}` : amount(done, unit)];
  if (speed) parts.push(rate(speed, unit));
  if (eta != null) parts.push(`${duration(eta)} left`);
  return parts.join(" · ");
}
