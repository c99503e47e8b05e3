import { limits } from '../../../schema/limits.ts';
import { webhookTypes } from '../../../schema/webhook-events.ts';
import { eventsSay, webhookKindFacts, webhookKinds } from '../../../schema/webhook-kinds.ts';
import type { ProblemBody } from '../call.ts';
import { Field, Form, useReason } from '../parts/form.tsx';
import { Page } from '../parts/layout.tsx';
import { Card, Empty, Table } from '../parts/list.tsx';
import { WebhookState } from '../parts/state.tsx';
import { Ago } from '../parts/time.tsx';
import type { Session } from '../session.ts';
import type { WebhookView } from '../views.ts';

interface WebhooksProps {
  session: Session;
  webhooks: WebhookView[];
  problem?: ProblemBody | undefined;
  said?: string | undefined;
}

export function WebhooksPage({ session, webhooks, problem, said }: WebhooksProps) {
  return (
    <Page title="Webhooks" session={session} place="Webhooks" problem={problem} said={said}>
      {webhooks.length === 0 ? (
        <Empty title="No endpoints yet">
          <p>
            Register an address: it receives a signed call, or you receive a message, whenever a migration or a drain
            starts, ends, or needs your attention.
          </p>
        </Empty>
      ) : (
        <Table
          caption="Webhook endpoints"
          columns={['Address', 'Kind', 'State', { label: 'Events', wide: true }, { label: 'Created', wide: true }]}
        >
          {webhooks.map((webhook) => (
            <tr>
              <th scope="row">
                <a href={`/ui/webhooks/${webhook.id}`}>{webhook.url}</a>
              </th>
              <td>{webhookKindFacts[webhook.kind].label}</td>
              <td>
                <WebhookState webhook={webhook} />
              </td>
              <td class="wide">{eventsSay(webhook)}</td>
              <td class="wide">
                <Ago at={webhook.created_at} />
              </td>
            </tr>
          ))}
        </Table>
      )}
      <Register />
    </Page>
  );
}

function Register() {
  const why = useReason('admin');
  return (
    <Card title="Register an endpoint" id="register">
      <Form action="/ui/webhooks" class="stack">
        <Field id="kind" label="Kind" hint="what is at the address">
          <select id="kind" name="kind" disabled={why !== null}>
            {webhookKinds.map((kind) => (
              <option value={kind}>{webhookKindFacts[kind].label}</option>
            ))}
          </select>
        </Field>
        <Field id="url" label="Address" hint={why ?? 'https, and public'}>
          <input
            id="url"
            type="url"
            name="url"
            required
            disabled={why !== null}
            maxlength={limits.api.urlCharsMax}
            placeholder="https://example.com/stackferry"
          />
        </Field>
        <Addresses />
        <Field
          id="token"
          label="Token"
          hint="for ntfy (if the topic is protected), Gotify and email; it is not shown again"
        >
          <input
            id="token"
            type="password"
            name="token"
            autocomplete="off"
            maxlength={limits.notification.tokenCharsMax}
            disabled={why !== null}
          />
        </Field>
        <Field id="from" label="From" hint="for email: a sender that the API may send for">
          <input id="from" name="from" placeholder="Stackferry <ferry@example.com>" disabled={why !== null} />
        </Field>
        <Field id="to" label="To" hint="for email: addresses, separated by commas">
          <input id="to" name="to" placeholder="ops@example.com" disabled={why !== null} />
        </Field>
        <fieldset class="checkboxes" disabled={why !== null}>
          <legend>Events (none selected = all; messages to people without migration.cutover)</legend>
          {webhookTypes.map((type) => (
            <label class="check">
              <input type="checkbox" name="event" value={type} /> {type}
            </label>
          ))}
        </fieldset>
        <p>
          <button type="submit" class="primary" disabled={why !== null}>
            Register
          </button>
        </p>
      </Form>
    </Card>
  );
}

/** Which address to give for which kind. */
function Addresses() {
  return (
    <details>
      <summary>Which address, and which token?</summary>
      <dl>
        {webhookKinds.map((kind) => {
          const { label, url, tokenHint } = webhookKindFacts[kind];
          return (
            <>
              <dt>{label}</dt>
              <dd>
                {url}
                {tokenHint ? `; token: ${tokenHint}` : ''}
              </dd>
            </>
          );
        })}
      </dl>
    </details>
  );
}
