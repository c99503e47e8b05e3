import { limits } from '../../../schema/limits.ts';
import { duration } from '../../../schema/units.ts';
import { deliveryStatuses } from '../../../schema/webhook-events.ts';
import { eventsSay, webhookKindFacts } from '../../../schema/webhook-kinds.ts';
import type { Page as ListPage, ProblemBody } from '../call.ts';
import { DeliveryTable } from '../parts/delivery-table.tsx';
import { ActButton, Field, Secret, TypeToConfirm } from '../parts/form.tsx';
import { Page } from '../parts/layout.tsx';
import { Card, Empty, Facts, More } from '../parts/list.tsx';
import { WebhookState } from '../parts/state.tsx';
import { Ago, Left } from '../parts/time.tsx';
import type { Session } from '../session.ts';
import type { DeliveryView, WebhookView } from '../views.ts';

interface WebhookProps {
  session: Session;
  webhook: WebhookView;
  deliveries: ListPage<DeliveryView>;
  query: URLSearchParams;
  /** Shown only once. */
  secret?: string | null | undefined;
  problem?: ProblemBody | undefined;
  said?: string | undefined;
}

export function WebhookPage({ session, webhook, deliveries, query, secret, problem, said }: WebhookProps) {
  const { id, kind, url, email, status, secret_before_until } = webhook;
  const disabled = status === 'disabled' ? 'The endpoint is disabled.' : null;
  const waits = deliveries.items.some((delivery) => delivery.status === 'pending');
  return (
    <Page
      title="Webhook"
      session={session}
      place="Webhooks"
      trail={[['Webhooks', '/ui/webhooks']]}
      beside={<WebhookState webhook={webhook} />}
      acts={
        <>
          <ActButton
            action={`/ui/webhooks/${id}/test`}
            label="Send a test"
            scope="admin"
            kind="primary"
            why={disabled}
          />
          {status === 'enabled' ? (
            <ActButton action={`/ui/webhooks/${id}/disable`} label="Disable" scope="admin" />
          ) : (
            <ActButton action={`/ui/webhooks/${id}/enable`} label="Enable" scope="admin" />
          )}
        </>
      }
      problem={problem}
      said={said}
      everyS={secret ? undefined : waits ? 3 : 15}
    >
      {secret ? (
        <div class="alert ok" role="status">
          <p>Receivers check each call with this secret, as the Standard Webhooks specification says.</p>
          <Secret label="Signing secret, shown only once" value={secret} />
        </div>
      ) : null}
      <Card title="Endpoint" id="endpoint">
        <Facts
          rows={[
            ['Kind', webhookKindFacts[kind].label],
            ['Address', <code>{url}</code>],
            email ? ['From', email.from] : null,
            email ? ['To', email.to.join(', ')] : null,
            ['Events', eventsSay(webhook)],
            webhook.disabled_why === 'gone' ? ['Disabled', 'it answered 410, Gone'] : null,
            secret_before_until
              ? [
                  'Secrets',
                  <>
                    the previous one also signs for <Left until={secret_before_until} />
                  </>,
                ]
              : null,
            ['Created', <Ago at={webhook.created_at} />],
          ]}
        />
      </Card>
      <form method="get" action={`/ui/webhooks/${id}`} class="filters">
        <Field id="status" label="Deliveries">
          <select id="status" name="status">
            <option value="">all</option>
            {deliveryStatuses.map((one) => (
              <option value={one} selected={query.get('status') === one}>
                {one === 'dead' ? 'dead: given up' : one}
              </option>
            ))}
          </select>
        </Field>
        <button type="submit">Filter</button>
      </form>
      <div id="deliveries" data-live data-version={JSON.stringify(deliveries.items)}>
        {deliveries.items.length === 0 ? (
          <Empty title="No deliveries">
            <p>Each event and the answer to it appear here. A test sends one at once.</p>
          </Empty>
        ) : (
          <DeliveryTable webhook={webhook} deliveries={deliveries.items} />
        )}
      </div>
      <More path={`/ui/webhooks/${id}`} query={query} cursor={deliveries.next_cursor} />
      <div class="acts">
        <ActButton action={`/ui/webhooks/${id}/replay`} label="Replay all dead letters" scope="admin" why={disabled} />
        {kind === 'standard' ? <Rotate id={id} /> : null}
        <TypeToConfirm action={`/ui/webhooks/${id}/delete`} label="Delete endpoint" scope="admin" word="delete">
          <p>Pending deliveries are not sent, and the list of deliveries is deleted.</p>
        </TypeToConfirm>
      </div>
    </Page>
  );
}

function Rotate({ id }: { id: string }) {
  return (
    <TypeToConfirm
      action={`/ui/webhooks/${id}/rotate`}
      label="Rotate the secret"
      kind="plain"
      scope="admin"
      word="rotate"
    >
      <p>
        A new secret is created. The previous one also signs for {duration(limits.webhook.overlapSDefault * 1000)}, so
        that receivers can switch.
      </p>
      <label class="check">
        <input type="checkbox" name="leaked" /> The old secret has leaked: revoke it at once
      </label>
    </TypeToConfirm>
  );
}
