import { expect, it } from 'vitest';
import { answerRequest, type RequestContext } from '../../../agent/commands/runner/requests.ts';
import { createHostNames } from '../../../agent/names/host-names.ts';
import { hostFacts as answerSchema, type HostFacts } from '../../../schema/host-facts.ts';
import { hostFacts } from '../../saga/preflight/well-facts.ts';

const { names: _, forwarding: __, ...engineFacts } = hostFacts();
const names = createHostNames({
  token: async () => null,
  addresses: ['192.0.2.20'],
  look: async () => ({ ttl_s: 60, addresses: ['192.0.2.10'] }),
});
const context = {
  engine: { host: async (relays: HostFacts['relays']) => ({ ...engineFacts, relays }) },
  pingRelay: async ({ id }: { id: string }) => {
    if (id !== 'near') throw new Error('no route');
    return 12;
  },
  forwardsHere: async () => null,
  names,
} as unknown as RequestContext;
const probed = async (payload: object) =>
  answerSchema.parse(await answerRequest({ type: 'request', id: 'r', kind: 'probe', payload }, context));

it('a probe tells what the host can do about names, and how those that were asked for are', async () => {
  const asked = [{ zone: 'example.com', name: 'shop.example.com' }];
  expect((await probed({ relays: [], names: asked })).names).toEqual({
    ...{ token: false, addresses: ['192.0.2.20'] },
    found: [{ name: 'shop.example.com', ttl_s: 60, addresses: ['192.0.2.10'], proxied: false, fault: null }],
  });
});

it('a control plane of the previous release asks for no names', async () => {
  expect((await probed({ relays: [] })).names?.found).toEqual([]);
});

it('a probe tells how long a relay takes to answer, and that one cannot be reached', async () => {
  const relays = ['near', 'cut-off'].map((id) => ({ id, host: 'relay', port: 7400 }));
  expect((await probed({ relays, names: [] })).relays).toEqual([
    { id: 'near', reachable: true, detail: 'answers', rtt_ms: 12 },
    { id: 'cut-off', reachable: false, detail: 'no route', rtt_ms: null },
  ]);
  const older = { ...hostFacts(), relays: [{ id: 'near', reachable: true, detail: 'answers' }] };
  expect(answerSchema.parse(older).relays[0]?.rtt_ms).toBeNull();
});
