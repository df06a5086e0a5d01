// Charts over time, by uPlot. Each has a legend of its own, whose figures are those under the pointer, else the last ones.
import {byId, element, fill} from './dom.js';
import {minutes, seconds, time} from './format.js';

/* global libraryOfCharts */
let uPlot = null;  // until a chart is drawn
const height = 176;
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/**
 * A chart in `${id}-chart` with the legend in `${id}-legend`, which may be missing.
 * A series: {name, color, fill, dash, stepped, shown: (value) => text}. An axis: {shown: (value) => text, steps}.
 */
export class Chart {
  constructor(id, title, series, axis) {
    this.at = byId(`${id}-chart`);
    this.legend = byId(`${id}-legend`);
    this.title = title;
    this.series = series;
    this.axis = axis;
    this.data = null;
    this.at.setAttribute('role', 'img');
    if (this.legend) {
      this.figures = series.map(() => element('span', {class: 'value'}));
      this.moment = element('li', {class: 'moment'});
      const rows = series.map((one, at) => element('li', {}, element('span', {class: `swatch ${one.color}`, 'aria-hidden': 'true'}), element('span', {}, one.name), this.figures[at]));
      fill(this.legend, ...(series[0].fill ? rows.reverse() : rows), this.moment);
    }
    new ResizeObserver(() => this.plot?.setSize({width: this.width(), height})).observe(this.at);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.draw());
  }

  width() {
    return Math.max(200, Math.floor(this.at.clientWidth));
  }

  /** @param drawn  times in seconds, then the values of each series; @param values  the same as the legend says them */
  show(drawn, values, from, until) {
    const begins = !this.plot || this.data === null || (drawn[0].length > 1) !== (this.data[0].length > 1);
    Object.assign(this, {data: drawn, values, from, until});
    if (begins) this.draw();
    else {
      this.plot.setData(drawn, false);
      this.plot.setScale('x', {min: from, max: until});
    }
    this.tell(this.plot?.cursor?.idx);
  }

  draw() {
    if (this.data === null) return;
    this.plot?.destroy();
    this.plot = null;
    if (this.data[0].length < 2) {
      fill(this.at, element('p', {class: 'empty'}, 'The line begins after a few samples.'));
      return;
    }
    fill(this.at);
    uPlot ??= libraryOfCharts();
    const line = color('line'), text = color('quiet');
    const axis = {stroke: text, font: '11px system-ui, sans-serif', grid: {stroke: line, width: 1}, ticks: {show: false}};
    const series = this.series.map((one) => ({
      stroke: color(one.color),
      fill: one.fill ? color(one.color) : undefined,
      width: one.fill ? 0 : 1.75,
      dash: one.dash ? [5, 4] : undefined,
      paths: one.stepped ? uPlot.paths.stepped({align: 1}) : undefined,
      points: {show: false},
    }));
    this.plot = new uPlot({
      width: this.width(), height, series: [{}, ...series],
      legend: {show: false},
      cursor: {y: false, points: {show: false}, drag: {x: false, y: false}},
      scales: {x: {time: true, range: () => [this.from, this.until]}, y: {range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1]}},
      padding: [8, 24, 0, 0],
      axes: [
        {...axis, size: 26, gap: 6, space: 76, values: (_, ticks, __, ___, step) => ticks.map((at) => (step < 60 ? seconds : minutes)(new Date(at * 1000)))},
        {...axis, size: 52, gap: 8, space: 36, incrs: this.axis.steps, values: (_, ticks) => ticks.map(this.axis.shown)},
      ],
      hooks: {setCursor: [(plot) => this.tell(plot.cursor.idx)]},
    }, this.data, this.at);
  }

  /** Fills the legend, and says in words what the picture shows. */
  tell(at) {
    const last = this.data[0].length - 1;
    const index = at ?? last;
    const shown = this.series.map((one, number) => {
      const value = this.values[number][index];
      return value === null || value === undefined ? '–' : one.shown(value);
    });
    this.figures?.forEach((figure, number) => { figure.textContent = shown[number]; });
    if (this.moment) this.moment.textContent = at === null || at === undefined ? '' : `at ${time(this.data[0][at] * 1000)}`;
    if (at !== null && at !== undefined) return;
    const words = last < 0 ? 'no samples yet' : this.series.map((one, number) => `${one.name} ${shown[number]}`).join(', ');
    this.at.setAttribute('aria-label', `${this.title}. ${last < 0 ? '' : `At ${time(this.data[0][last] * 1000)}: `}${words}`);
  }
}

/** Each series on top of those before it; drawn from the last, which is the highest. One of nothing is not drawn: its edge would be. */
export function stacked(columns) {
  const heights = [];
  columns.forEach((column, number) => {
    const below = heights[number - 1];
    heights.push(column.map((value, at) => (value === null ? null : value + (below?.[at] ?? 0))));
  });
  return heights.map((column, number) => (columns[number].some((value) => value > 0) ? column : column.map(() => null)));
}
