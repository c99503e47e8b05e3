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
