/** A metric with its samples as they are now. Label values come from closed lists: no ids, no names. */
export interface Metric {
  /** `stackferry_…`, with the base unit and `_total` for a counter: the conventions of Prometheus. */
  name: string;
  type: 'counter' | 'gauge';
  help: string;
  samples: { labels?: Record<string, string>; value: number }[];
}

export const counter = (name: string, help: string, value: number): Metric => single('counter', name, help, value);

/** A gauge has no sample while there is nothing to measure (null). */
export const gauge = (name: string, help: string, value: number | null): Metric => single('gauge', name, help, value);

/** One sample per key of `values`, which becomes the value of the label. */
export function metricBy(
  type: Metric['type'],
  name: string,
  help: string,
  label: string,
  values: Record<string, number>,
): Metric {
  const samples = Object.entries(values).map(([key, value]) => ({ labels: { [label]: key }, value }));
  return { name, type, help, samples };
}

function single(type: Metric['type'], name: string, help: string, value: number | null): Metric {
  return { name, type, help, samples: value === null ? [] : [{ value }] };
}

export const metricsContentType = 'text/plain; version=0.0.4; charset=utf-8';

/** Renders Prometheus' text format, version 0.0.4. A metric without samples keeps its `HELP` and `TYPE`. */
export function metricsText(metrics: readonly Metric[]): string {
  return metrics
    .flatMap(({ name, type, help, samples }) => [
      `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
      `# TYPE ${name} ${type}`,
      ...samples.map(({ labels = {}, value }) => `${name}${shownLabels(labels)} ${value}`),
    ])
    .map((line) => `${line}\n`)
    .join('');
}

function shownLabels(labels: Record<string, string>): string {
  const shown = Object.entries(labels).map(([label, value]) => `${label}="${escaped(value)}"`);
  return shown.length === 0 ? '' : `{${shown.join(',')}}`;
}

const escaped = (value: string) => value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
