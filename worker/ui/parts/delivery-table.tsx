import type { DeliveryView, WebhookView } from '../views.ts';
import { ActButton } from './form.tsx';
import { Table } from './list.tsx';
import { State } from './state.tsx';
import { Ago, Left } from './time.tsx';

const states = { pending: ['busy', 'pending'], delivered: ['ok', 'delivered'], dead: ['bad', 'dead'] } as const;

export function DeliveryTable({ webhook, deliveries }: { webhook: WebhookView; deliveries: DeliveryView[] }) {
  const why = webhook.status === 'disabled' ? 'Enable the endpoint first.' : null;
  return (
    <Table
      caption="Deliveries, newest event first"
      columns={[
        'Event',
        'State',
        { label: 'Last answer', wide: true },
        { label: 'Tries', wide: true, number: true },
        'Replay',
      ]}
    >
      {deliveries.map(({ event_id, type, event_at, status, attempts, last, next_attempt_at }) => (
        <tr>
          <th scope="row">
            {type}
            <span class="below">
              <Ago at={event_at} />
            </span>
          </th>
          <td>
            <State tone={states[status][0]} word={states[status][1]} />
          </td>
          <td class="wide">
            {last ? (
              <>
                {last.answer_status ?? last.error ?? 'no answer'} in {last.took_ms} ms
                {last.answer ? <code class="below">{last.answer.slice(0, 120)}</code> : null}
              </>
            ) : (
              'not yet'
            )}
            {status === 'pending' && last && next_attempt_at ? (
              <span class="below">
                tried again in <Left until={next_attempt_at} />
              </span>
            ) : null}
          </td>
          <td class="wide number">{attempts}</td>
          <td>
            <ActButton
              action={`/ui/webhooks/${webhook.id}/deliveries/${event_id}/replay`}
              label="Replay"
              scope="admin"
              kind="small"
              why={why}
            />
          </td>
        </tr>
      ))}
    </Table>
  );
}
