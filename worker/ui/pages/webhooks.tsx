import { limits } from '../../../schema/limits.ts';
import { webhookTypes } from '../../../schema/webhook-events.ts';
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
            Register an address; it receives a signed call whenever a migration or a drain starts, ends, or needs your
            attention.
          </p>
        </Empty>
      ) : (
        <Table
          caption="Webhook endpoints"
          columns={['Address', 'State', { label: 'Events', wide: true }, { label: 'Created', wide: true }]}
        >
          {webhooks.map((webhook) => (
            <tr>
              <th scope="row">
                <a href={`/ui/webhooks/${webhook.id}`}>{webhook.url}</a>
              </th>
              <td>
                <WebhookState webhook={webhook} />
              </td>
              <td class="wide">{webhook.events?.join(', ') ?? 'all'}</td>
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
        <fieldset class="checkboxes" disabled={why !== null}>
          <legend>Events; all if none is chosen</legend>
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
