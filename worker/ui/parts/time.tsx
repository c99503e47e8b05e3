import { ago, duration, moment } from '../../../schema/units.ts';

/** A past time as a duration; the exact time on hover. */
export function Ago({ at }: { at: string | null }) {
  if (at === null) return <span class="muted">never</span>;
  return (
    <time datetime={at} title={moment(at)} data-ago>
      {ago(at)}
    </time>
  );
}

/** A time in the reader's zone; without scripts in UTC. */
export function Moment({ at }: { at: string }) {
  return (
    <time datetime={at} data-moment>
      {moment(at)}
    </time>
  );
}

/** The time left, as a duration. */
export function Left({ until }: { until: string }) {
  return (
    <time datetime={until} title={moment(until)}>
      {duration(Math.max(0, Date.parse(until) - Date.now()))}
    </time>
  );
}

/** The time left in hours and minutes, for the safety window. */
export function HoursLeft({ until }: { until: string }) {
  const minutes = Math.max(0, Math.floor((Date.parse(until) - Date.now()) / 60_000));
  return (
    <time datetime={until} title={moment(until)}>
      {minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`}
    </time>
  );
}

export function took(started_at: string | null, ended_at: string | null): string {
  if (started_at === null) return '';
  const ms = (ended_at === null ? Date.now() : Date.parse(ended_at)) - Date.parse(started_at);
  return duration(ms);
}
