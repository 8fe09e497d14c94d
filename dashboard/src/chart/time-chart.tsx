import { useSignal } from '@preact/signals';
import { useEffect, useId, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import { clockText } from '../format/time.js';
import { shownTheme } from '../ui/theme.js';
import { hasValues, newestOf, topOf, type ChartLine } from './chart-data.js';
import { chartOptions } from './chart-options.js';

export interface TimeChartProps {
  title: string;
  /** When each sample was taken, ms since 1970. */
  at: readonly number[];
  lines: readonly ChartLine[];
  /** A value with its unit. */
  format: (value: number) => string;
  /** The axis reaches at least so far. */
  atLeast?: number;
  /** What the values are held against, drawn across. */
  limit?: { name: string; value: number };
}

/** Lines over time. The pointer shows one moment in all charts of the page; in words, each line's value at it. */
export function TimeChart({ title, at, lines, format, atLeast = 1, limit }: TimeChartProps) {
  const id = useId();
  const pointed = useSignal<number | null>(null);
  const all = limit === undefined ? lines : [...lines, limitLine(limit, at.length)];
  const shownAt = pointed.value === null ? null : (at[pointed.value] ?? null);
  return (
    <figure class="chart" aria-labelledby={id}>
      <figcaption id={id}>
        <span class="chart-title">{title}</span>
        <span class="chart-at muted">{shownAt === null ? 'now' : clockText(shownAt)}</span>
      </figcaption>
      <ul class="chart-legend">
        {all.map(({ name, values, colour, dashed = false }) => {
          const value = pointed.value === null ? newestOf(values) : (values[pointed.value] ?? null);
          return (
            <li key={name}>
              <span class={`chart-sample colour-${colour}${dashed ? ' dashed' : ''}`} />
              {name} <strong>{value === null ? '–' : format(value)}</strong>
            </li>
          );
        })}
      </ul>
      {hasValues(lines) ? (
        <Plot
          key={`${shownTheme.value} ${all.map(({ name }) => name).join()}`}
          {...{ at, lines: all, format, atLeast }}
          onPoint={(index) => {
            pointed.value = index;
          }}
        />
      ) : (
        <p class="chart-empty muted">Nothing was measured yet.</p>
      )}
    </figure>
  );
}

const limitLine = ({ name, value }: { name: string; value: number }, count: number): ChartLine => ({
  name,
  values: Array.from({ length: count }, () => value),
  colour: 'warn',
  dashed: true,
});

interface PlotProps extends Pick<TimeChartProps, 'at' | 'lines' | 'format'> {
  atLeast: number;
  onPoint: (index: number | null) => void;
}

/** The picture itself, drawn by uPlot and hidden from who cannot see it: the legend says the same. */
function Plot({ at, lines, format, atLeast, onPoint }: PlotProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const top = useRef(1);
  top.current = topOf(lines, atLeast);
  useEffect(() => {
    const element = host.current;
    if (element === null) return undefined;
    const options = chartOptions(element, { lines, format, onPoint, topOf: () => top.current });
    plot.current = new uPlot(options, dataOf(at, lines), element);
    const resized = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: options.height }),
    );
    resized.observe(element);
    return () => {
      resized.disconnect();
      plot.current?.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData(dataOf(at, lines)), [at]);
  return <div ref={host} class="chart-plot" aria-hidden="true" />;
}

const dataOf = (at: readonly number[], lines: readonly ChartLine[]): uPlot.AlignedData => [
  [...at],
  ...lines.map(({ values }) => [...values]),
];
