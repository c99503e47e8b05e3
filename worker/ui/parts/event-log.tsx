import { limits } from '../../../schema/limits.ts';
import { time } from '../../time.ts';
import { inWords } from '../words.ts';
import { State, type Tone } from './state.tsx';

export interface EventRow {
  id: number;
  kind: string;
  at: number;
  data: Record<string, unknown>;
}

/** Newest first. A migration's first event is written with it, so one without any was trimmed. */
export function EventLog({ events }: { events: EventRow[] }) {
  const days = Math.round(limits.retention.historyMsMax / (24 * 3_600_000));
  if (events.length === 0) return <p class="hint">Deleted: event logs are kept for at most {days} days.</p>;
  return (
    <ol class="log" reversed>
      {events.toReversed().map(({ kind, at, data }) => (
        <li>
          <time datetime={time(at)} title={time(at)} data-clock>
            {time(at).slice(11, 19)}
          </time>
          <State tone={tones[kind] ?? 'idle'} word={inWords(kind)} />
          <span class="detail">{textOf(kind, data)}</span>
        </li>
      ))}
    </ol>
  );
}

const tones: Record<string, Tone> = { status: 'idle', failure: 'bad', notice: 'idle', cleanup_due: 'warn' };

function textOf(kind: string, { from, to, message, code, ...data }: Record<string, unknown>): string {
  // A call for attention has its reason as message too, and its decisions are on the page.
  const { resolutions: _, ...rest } = data.why === message ? { ...data, why: undefined } : data;
  if (kind === 'status') return from ? `${inWords(String(from))} → ${inWords(String(to))}` : inWords(String(to));
  const text = typeof message === 'string' ? message : inWords(kind);
  const more = [...(typeof code === 'string' ? [code] : []), ...Object.values(rest).flatMap(wordsOf)];
  return more.length > 0 ? `${text} (${more.join('; ')})` : text;
}

/** Texts and lists of texts beside the message; other values are for machines. */
function wordsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (!Array.isArray(value)) return [];
  return value.map((one) => (typeof one === 'object' && one !== null ? Object.values(one).join(': ') : String(one)));
}
