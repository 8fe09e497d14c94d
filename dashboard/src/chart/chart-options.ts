import type uPlot from 'uplot';
import { clockText } from '../format/time.js';
import type { ChartLine } from './chart-data.js';

export interface ChartLook {
  lines: readonly ChartLine[];
  format: (value: number) => string;
  onPoint: (index: number | null) => void;
  topOf: () => number;
}

const HEIGHT = 150;

/** How a chart is drawn, in the colours of the theme that its element stands in. */
export function chartOptions(element: HTMLElement, look: ChartLook): uPlot.Options {
  const colour = (name: string): string => colourIn(element, name);
  return {
    width: Math.max(100, element.clientWidth),
    height: HEIGHT,
    ms: 1,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: 'edge' }, drag: { x: false, y: false }, points: { size: 6 } },
    scales: { y: { range: () => [0, look.topOf()] } },
    axes: axesOf(look, colour),
    series: [{}, ...look.lines.map((line) => seriesOf(line, colour))],
    hooks: { setCursor: [({ cursor: { idx } }) => look.onPoint(idx ?? null)] },
  };
}

/** A canvas knows no custom properties, and a property does not tell which of its two colours holds: an element's colour does. */
function colourIn(element: HTMLElement, name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(--${name})`;
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

type ColourOf = (name: string) => string;

function axesOf({ format }: ChartLook, colour: ColourOf): uPlot.Axis[] {
  const common: uPlot.Axis = {
    stroke: colour('text-muted'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: colour('line'), width: 1 },
    ticks: { show: false },
  };
  return [
    { ...common, grid: { show: false }, space: 90, size: 24, values: (_plot, times) => times.map(clockText) },
    { ...common, space: 34, size: 62, values: (_plot, values) => values.map(format) },
  ];
}

function seriesOf({ name, colour: about, dashed = false }: ChartLine, colour: ColourOf): uPlot.Series {
  return {
    label: name,
    stroke: colour(`chart-${about}`),
    width: 1.5,
    ...(dashed ? { dash: [5, 4] } : {}),
    points: { show: false },
    spanGaps: false,
  };
}
