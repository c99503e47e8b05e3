import type { MigrationView } from '../../../schema/api/migrations.ts';
import { clock, rate, share } from '../../../schema/units.ts';

/** Transferred bytes per item; nothing if no transfer runs. */
export function Progress({ migration: { progress } }: { migration: MigrationView }) {
  if (!progress) return null;
  const { bytes_done, bytes_total, seconds_left, items } = progress;
  return (
    <section class="card" aria-labelledby="progress-title">
      <div class="card-head">
        <h2 id="progress-title">Progress</h2>
        <span class="rate">
          {progress.rate === null ? 'measuring…' : progress.rate === 0 ? 'no data is arriving' : rate(progress.rate)}
          {seconds_left === null ? '' : `, ${clock(seconds_left * 1000)} left`}
        </span>
      </div>
      {bytes_total === null ? null : (
        <p class="percent" aria-hidden="true">
          {percentOf(bytes_done, bytes_total)}
          <span class="unit">%</span>
        </p>
      )}
      <RateChart history={progress.history} />
      <Bar label="All" done={bytes_done} total={bytes_total} />
      {items.map((item) => (
        <Bar
          label={item.item === 'project' ? 'project directory' : item.item}
          done={item.bytes_done}
          total={item.bytes_total}
        />
      ))}
    </section>
  );
}

/** 0 to 100, and never 100 before the end. */
export const percentOf = (done: number, total: number) => (done >= total ? 100 : Math.floor((done / total) * 100));

const chart = { width: 300, height: 60 } as const;

/** The rate over the last minutes. */
function RateChart({ history }: { history: number[] }) {
  if (history.length < 3) return null;
  const most = Math.max(...history, 1);
  const step = chart.width / (history.length - 1);
  const at = (value: number) => (chart.height - 2 - (value / most) * (chart.height - 6)).toFixed(1);
  const line = history.map((value, index) => `${(index * step).toFixed(1)},${at(value)}`).join(' ');
  return (
    <figure class="chart">
      <svg
        viewBox={`0 0 ${chart.width} ${chart.height}`}
        preserveAspectRatio="none"
        role="img"
        aria-label="Rate of the last minutes"
      >
        <title>Rate of the last minutes</title>
        <polygon points={`0,${chart.height} ${line} ${chart.width},${chart.height}`} />
        <polyline points={line} vector-effect="non-scaling-stroke" />
      </svg>
      <figcaption>up to {rate(most)}</figcaption>
    </figure>
  );
}

function Bar({ label, done, total }: { label: string; done: number; total: number | null }) {
  return (
    <div class="lane">
      <span class="name">{label}</span>
      <span class="amount">{share(done, total)}</span>
      {total === null ? (
        <progress aria-label={label} />
      ) : (
        <progress aria-label={label} max={String(Math.max(total, 1))} value={String(total === 0 ? 1 : done)} />
      )}
    </div>
  );
}
