import { expect, it } from 'vitest';
import { sourcesIn } from './support/sources.ts';

/** What is compared with another clock, with a file's times or with a certificate's, or told to people. */
const wallClock = [
  'agent/commands/after/written-since.ts',
  'agent/commands/cutover/rest.ts',
  'agent/commands/cutover/revive-source.ts',
  'agent/engine/docker/data/known-contents.ts',
  'agent/engine/docker/data/started-since.ts',
  'agent/engine/docker/facts/host-facts.ts',
  'agent/engine/docker/precopy/pass.ts',
  'agent/engine/embedded/host-facts.ts',
  'agent/engine/embedded/process-run.ts',
  'agent/lease/lease.ts',
  'node/control-link.ts',
  'node/health-file.ts',
  'node/identity.ts',
  'relay/join-ticket.ts',
];

it('F38: agents and relays wait by the monotonic clock: the other may be set by hours meanwhile', () => {
  const readers = [...sourcesIn('agent', 'node', 'relay')]
    .filter(([, text]) => text.includes('Date.now()'))
    .map(([path]) => path);
  expect(readers.sort()).toEqual(wallClock);
});
