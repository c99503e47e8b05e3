import { z } from 'zod';
import type { Mode } from '../../../schema/migration-status.ts';
import type { Check, Plan } from '../../../schema/preflight-report.ts';
import { bytes, count, duration, rate, rateLimit, sizeOr } from '../../../schema/units.ts';
import { checkWords } from '../check-names.ts';
import { inWordsOfPages } from '../words-of-pages.ts';
import { Commands } from './commands.tsx';
import { Facts, Table } from './list.tsx';
import { State, type Tone } from './state.tsx';

const tones: { [S in Check['status']]: [Tone, string] } = {
  fail: ['bad', 'failed'],
  note: ['warn', 'note'],
  skipped: ['idle', 'skipped'],
  pass: ['ok', 'passed'],
};
const order = Object.keys(tones);

/** Failed checks first; what passed is folded to one line. */
export function Checks({ checks }: { checks: Check[] }) {
  const passed = checks.filter(({ status }) => status === 'pass');
  const others = checks.filter(({ status }) => status !== 'pass');
  return (
    <>
      <CheckList checks={others.toSorted((a, b) => order.indexOf(a.status) - order.indexOf(b.status))} />
      {passed.length > 0 ? (
        <details>
          <summary>{count(passed.length, 'check')} passed</summary>
          <CheckList checks={passed} />
        </details>
      ) : null}
    </>
  );
}

export function CheckList({ checks }: { checks: Check[] }) {
  if (checks.length === 0) return null;
  return (
    <ul class="checks">
      {checks.map(({ name, status, detail, measured }) => (
        <li>
          <State tone={tones[status][0]} word={tones[status][1]} />
          <span>
            {checkWords[name]}
            <code class="below">{name}</code>
          </span>
          <span class="detail">
            <Advice text={detail} />
            {name === 'policy_allows' && status === 'fail' ? <Powers measured={measured} /> : null}
          </span>
        </li>
      ))}
    </ul>
  );
}

const call = /DELETE \/api\/v1\/stacks\/[^/\s]+\/migrate\/(mig_[0-9a-z]{26})\/(?:source|target)/;

/** The text of a check. An API call in it becomes a link to the page with that act. */
export function Advice({ text }: { text: string }) {
  const found = call.exec(text);
  if (!found) return <Commands text={inWordsOfPages(text)} />;
  return (
    <>
      {text.slice(0, found.index)}
      <a href={`/ui/migrations/${found[1]}`}>delete it on its migration's page</a>
      {text.slice(found.index + found[0].length)}
    </>
  );
}

const refusedPowers = z.object({ refused: z.array(z.object({ power: z.string(), means: z.string() })) });

/** What the powers mean that the target refuses. */
function Powers({ measured }: Pick<Check, 'measured'>) {
  const { data } = refusedPowers.safeParse(measured);
  if (!data) return null;
  const meanings = new Map(data.refused.map(({ power, means }) => [power, means]));
  return (
    <ul class="notes">
      {[...meanings].map(([power, means]) => (
        <li>
          <code>{power}</code>: {means}
        </li>
      ))}
    </ul>
  );
}

export function Notes({ notes }: { notes: string[] }) {
  return (
    <ul class="notes">
      {notes.map((note) => (
        <li>{note}</li>
      ))}
    </ul>
  );
}

const kindWords: Record<Plan['items'][number]['kind'], string> = {
  volume: 'volume',
  bind: 'bind mount',
  project: 'project directory',
  image: 'image',
};

export function PlanView({ plan, mode }: { plan: Plan; mode: Mode }) {
  const { address_change: change, expected, ports, unmoved_layers } = plan;
  const total = `${plan.total_is_lower_bound ? 'at least ' : ''}${bytes(plan.total_bytes)}`;
  const chosen = expected.find((one) => one.mode === mode);
  const other = expected.find((one) => one.mode !== mode);
  return (
    <>
      <Facts
        rows={[
          ['Moves', total],
          chosen ? ['Transfer', `about ${duration(chosen.transfer_s * 1000)} at ${rateOf(plan)}`] : null,
          chosen ? ['Downtime', `about ${duration(chosen.downtime_s * 1000)} (${mode}), ${startOf(plan)}`] : null,
          other ? [`With ${other.mode}`, `down about ${duration(other.downtime_s * 1000)}`] : null,
          ports.length > 0
            ? [
                'Address',
                `After the move, point clients and DNS at ${change.to_host} (${ports.map(({ service, port, protocol }) => `${service}, port ${port}${protocol === 'tcp' ? '' : `/${protocol}`}`).join('; ')})`,
              ]
            : null,
          unmoved_layers.length > 0
            ? [
                'Does not move',
                unmoved_layers
                  .map(({ container, size_bytes }) => `${bytes(size_bytes)} that ${container} wrote outside any volume`)
                  .join(', '),
              ]
            : null,
        ]}
      />
      <Table caption="What moves" columns={['Item', 'Kind', { label: 'Size', number: true }]}>
        {plan.items.map(({ kind, name, place, size_bytes }) => (
          <tr>
            <th scope="row">{place === undefined ? name : `${name} → ${place}`}</th>
            <td>{kindWords[kind]}</td>
            <td class="number">{sizeOr(size_bytes, 'unknown')}</td>
          </tr>
        ))}
      </Table>
    </>
  );
}

/** Says where the rate comes from. */
function rateOf({ assumed_rate, rate_measured, rate_limited }: Plan): string {
  if (rate_limited) return `${rateLimit(assumed_rate)}, your limit`;
  return `${rate(assumed_rate)}, ${rate_measured ? 'as measured between these hosts' : 'a guess: nothing was measured between these hosts yet'}`;
}

const startOf = ({ stop_start_s, stop_start_measured }: Plan): string =>
  `${duration(stop_start_s * 1000)} of it to stop and start${stop_start_measured ? ', as the last time' : ', a guess'}`;
