// Figures and times as people read them, in English. Intl could do that, but its first use takes a new tab some 15 ms.

/** With a comma before each three digits, and at most so many behind the point. */
export function decimal(number, digits) {
  const [whole, part = ''] = Math.abs(number).toFixed(digits).split('.');
  const fraction = part.replace(/0+$/, '');
  const shown = whole.replace(/\B(?=(\d{3})+$)/g, ',') + (fraction && `.${fraction}`);
  return number < 0 && shown !== '0' ? `-${shown}` : shown;
}

export const count = (number) => decimal(number, 0);

/** A rate or another small figure: two digits that matter. */
export function figure(number) {
  if (!Number.isFinite(number)) return '–';
  return decimal(number, Math.abs(number) >= 100 ? 0 : 2);
}

/** 0.9987 is 99.8 %, never 100 %: only all of it is that, and only nothing is 0 %. */
export function percent(share) {
  if (!Number.isFinite(share)) return '–';
  const hundredths = share * 100;
  if (hundredths <= 0) return '0 %';
  if (hundredths < 0.1) return '< 0.1 %';
  const shown = hundredths >= 100 ? Math.round(hundredths) : hundredths >= 99 || hundredths < 10 ? Math.floor(hundredths * 10) / 10 : Math.floor(hundredths);
  return `${shown} %`;
}

export function bytes(number) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let at = 0;
  while (number >= 1024 && at < units.length - 1) {
    number /= 1024;
    ++at;
  }
  return `${at === 0 || number >= 100 ? count(number) : number.toFixed(1)} ${units[at]}`;
}

/** Two units at the most: "3 d 4 h", "12 min", "250 ms". */
export function duration(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.round(ms / 1000);
  const parts = [[Math.floor(seconds / 86400), 'd'], [Math.floor(seconds / 3600) % 24, 'h'], [Math.floor(seconds / 60) % 60, 'min'], [seconds % 60, 's']];
  const first = parts.findIndex(([number]) => number > 0);
  return parts.slice(first, first + 2).filter(([number]) => number > 0).map(([number, unit]) => `${number} ${unit}`).join(' ');
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sept', 'Oct', 'Nov', 'Dec'];
const clock = (...parts) => parts.map((part) => String(part).padStart(2, '0')).join(':');

/** The time of a day by its clock, in the zone of whoever looks. */
export const minutes = (at) => clock(at.getHours(), at.getMinutes());
export const seconds = (at) => clock(at.getHours(), at.getMinutes(), at.getSeconds());

/** A time of today by its clock, another with its date. */
export function time(unixMs) {
  const at = new Date(unixMs);
  return at.toDateString() === new Date().toDateString() ? seconds(at) : `${at.getDate()} ${months[at.getMonth()]} ${at.getFullYear()}, ${minutes(at)}`;
}

/** "in 5 min", "5 min ago". */
export function relative(unixMs, now) {
  return unixMs >= now ? `in ${duration(unixMs - now)}` : `${duration(now - unixMs)} ago`;
}

export const times = (number) => (number === 1 ? 'once' : `${count(number)} times`);
export const calls = (number) => (number === 1 ? '1 upstream call' : `${count(number)} upstream calls`);

export const words = (name) => name.replaceAll('_', ' ').replaceAll('-', ' ');
