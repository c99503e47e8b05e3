import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Heard, type Reply, receiverControl, type Script } from './receiver-script.ts';

/**
 * Webhook receivers on Node's HTTP server, outside the Worker: all calls that the Worker under test makes come here, and
 * each host name is a receiver of its own. `test/worker/support/receiver.ts` says what one answers, and reads what it
 * received.
 */
export function receivers(): (request: IncomingMessage, response: ServerResponse) => void {
  const scripts = new Map<string, Script>();
  const heard = new Map<string, Heard[]>();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const host = request.headers.host ?? '';
    const body = await textOf(request);
    if (host === receiverControl) {
      const { host: of, script, refuse } = JSON.parse(body) as { host: string; script?: Script; refuse?: string };
      const now = scripts.get(of) ?? {};
      if (refuse) scripts.set(of, { ...now, refused: [...(now.refused ?? []), refuse] });
      if (script) {
        scripts.set(of, script);
        heard.set(of, []);
      }
      response.end(JSON.stringify(heard.get(of) ?? []));
      return;
    }
    const before = heard.get(host) ?? [];
    const reply = replyTo(body, before.length, scripts.get(host) ?? {});
    heard.set(host, [...before, { headers: headersOf(request), body, reply }]);
    if (reply.drop) {
      request.socket.destroy();
      return;
    }
    response.writeHead(reply.status ?? 204, reply.headers);
    if (reply.endless) pour(response);
    else response.end(reply.text);
  }

  return (request, response) => void answer(request, response).catch(() => request.socket.destroy());
}

function replyTo(body: string, number: number, { replies = [{}], refused = [] }: Script): Reply {
  if (refused.some((part) => body.includes(part))) return { status: 500 };
  return replies[number % replies.length] ?? {};
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

/** Until the other side hangs up. */
function pour(response: ServerResponse): void {
  const part = 'x'.repeat(16_384);
  const more = () => {
    while (!response.destroyed && response.write(part));
  };
  response.on('drain', more);
  more();
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of request.setEncoding('utf8')) text += part;
  return text;
}
