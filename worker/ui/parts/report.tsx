import type { Mode } from '../../../schema/migration-status.ts';
import type { Check, Plan } from '../../../schema/preflight-report.ts';
import { bytes, duration, rate, sizeOr } from '../../../schema/units.ts';
import { Facts, Table } from './list.tsx';
import { State, type Tone } from './state.tsx';

const tones: { [S in Check['status']]: [Tone, string] } = {
  fail: ['bad', 'failed'],
  note: ['warn', 'note'],
  skipped: ['idle', 'skipped'],
  pass: ['ok', 'passed'],
};
const order = Object.keys(tones);

/** What failed first. */
export function Checks({ checks }: { checks: Check[] }) {
  const sorted = checks.toSorted((a, b) => order.indexOf(a.status) - order.indexOf(b.status));
  return (
    <ul class="checks">
      {sorted.map(({ name, status, detail }) => (
        <li>
          <State tone={tones[status][0]} word={tones[status][1]} />
          <code>{name}</code>
          <span class="detail">
            <Advice text={detail} />
          </span>
        </li>
      ))}
    </ul>
  );
}

const call = /DELETE \/api\/v1\/stacks\/[^/\s]+\/migrate\/(mig_[0-9a-z]{26})\/(?:source|target)/;

/** A sentence of a check; where it names a call of the API, as the place of this UI that makes it. */
function Advice({ text }: { text: string }) {
  const found = call.exec(text);
  if (!found)
    return (
      <>
        {text
          .replace('"sizing": "stack"', 'room for this stack alone')
          .replace('"sizing": "host"', 'room for the whole host')}
      </>
    );
  return (
    <>
      {text.slice(0, found.index)}
      <a href={`/ui/migrations/${found[1]}`}>delete it on its migration's page</a>
      {text.slice(found.index + found[0].length)}
    </>
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

export function PlanView({ plan, mode }: { plan: Plan; mode: Mode }) {
  const { address_change: change, expected, ports, unmoved_layers } = plan;
  const total = `${plan.total_is_lower_bound ? 'at least ' : ''}${bytes(plan.total_bytes)}`;
  const ours = expected.find((one) => one.mode === mode);
  const other = expected.find((one) => one.mode !== mode);
  return (
    <>
      <Facts
        rows={[
          ['Moves', total],
          ours ? ['Transfer', `about ${duration(ours.transfer_s * 1000)} at ${rate(plan.assumed_rate)}`] : null,
          ours ? ['Downtime', `about ${duration(ours.downtime_s * 1000)} (${mode})`] : null,
          other ? [`With ${other.mode}`, `down about ${duration(other.downtime_s * 1000)}`] : null,
          ports.length > 0
            ? [
                'Address',
                `Clients and DNS must follow from ${change.from_host} to ${change.to_host}: ${ports.map(({ service, port, protocol }) => `${service} ${port}/${protocol}`).join(', ')}`,
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
        {plan.items.map(({ kind, name, size_bytes }) => (
          <tr>
            <th scope="row">{name}</th>
            <td>{kind === 'project' ? 'project directory' : kind}</td>
            <td class="number">{sizeOr(size_bytes, 'unknown')}</td>
          </tr>
        ))}
      </Table>
    </>
  );
}
