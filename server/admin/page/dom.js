// The one way by which this page makes elements. Texts become text nodes: no value is ever read as markup.

export const byId = (id) => document.getElementById(id);

/** An element with properties (`class`, `data-…`, `aria-…` and `role` as attributes) and children: elements or texts. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === 'class') made.className = value;
    else if (key in made && !key.includes('-')) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function fill(parent, ...children) {
  parent.replaceChildren(...children.filter((child) => child !== null && child !== undefined));
}

/** Sets a text only where it has changed, so that a screen reader is not told the same again. */
export function say(id, text) {
  const at = byId(id);
  if (at.textContent !== text) at.textContent = text;
}

/**
 * A table whose figures stand under each other.
 * @param columns  [{title, number, of(row)}], where `of` gives a text, an element, or a list of them
 */
export function table(columns, rows, emptyText, caption) {
  if (rows.length === 0) return element('p', {class: 'empty'}, emptyText);
  const kind = (column) => (column.number ? 'number' : column.class);
  const heads = columns.map((column) => element('th', {scope: 'col', class: kind(column)}, column.title));
  const lines = rows.map((row) =>
    element('tr', {}, ...columns.map((column, at) => {
      const cell = [column.of(row)].flat();
      return at === 0 ? element('th', {scope: 'row', class: kind(column)}, ...cell) : element('td', {class: kind(column)}, ...cell);
    })));
  return element('table', {}, element('caption', {class: 'hidden'}, caption), element('thead', {}, element('tr', {}, ...heads)), element('tbody', {}, ...lines));
}

/** A bar for a share of 0 to 1; what it shows is written beside it. */
export function bar(share, kind = '') {
  const inner = element('span');
  inner.style.width = `${Math.max(0, Math.min(1, share || 0)) * 100}%`;
  return element('span', {class: `bar ${kind}`, 'aria-hidden': 'true'}, inner);
}
