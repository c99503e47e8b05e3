import { describe, expect, it } from 'vitest';
import { viewReceipt } from '../../worker/views/receipt-view.ts';
import { storyAt } from './story.ts';

const proof = (lane: string, bytes: number, manifest_sha256 = 'm') => ({
  ...{ lane, bytes, sha256: 's', manifest_sha256, entries: 3 },
});

describe('the receipt of a migration', () => {
  const completed = () => structuredClone(storyAt('completed').saga);

  it('has each item with what was sent and the proof of both sides', () => {
    const receipt = viewReceipt(completed())!;
    expect(receipt.items.map(({ item, equal }) => [item, equal])).toEqual(
      [...completed().plan!.volumes.map(({ name }) => name), 'project'].map((item) => [item, true]),
    );
    expect(receipt.equal).toBe(true);
    expect(receipt.bytes).toBeGreaterThan(0);
  });

  it('never calls equal what was not', () => {
    const saga = completed();
    const [first] = saga.results.receive_volumes!.proofs;
    first!.manifest_sha256 = 'another';
    expect(viewReceipt(saga)).toMatchObject({ equal: false });
    first!.manifest_sha256 = saga.results.send_volumes!.proofs[0]!.manifest_sha256;
    delete saga.results.receive_project;
    expect(viewReceipt(saga)).toMatchObject({ equal: false });
  });

  it('has a project directory that was sent before the stop', () => {
    const saga = completed();
    delete saga.results.send_project;
    delete saga.results.receive_project;
    saga.results.stage_source = { passage: { lane: 'project', bytes: 70, sha256: 's' } };
    saga.results.stage_target = { proof: proof('project', 70), left: null };
    saga.results.send_volumes!.staged = { sha256: 'm', entries: 3 };
    const receipt = viewReceipt(saga)!;
    expect(receipt.items.at(-1)).toEqual({ item: 'project', entries: 3, bytes: 70, digest: 'm', equal: true });
    expect(receipt.bytes_while_running).toBe(70);
  });

  it('counts what the last pass carried while the stack ran', () => {
    const saga = completed();
    const passage = { bytes: 70, sha256: 's' };
    saga.results.warm_source = { passages: [{ lane: 'w0', ...passage }], passes: [] };
    saga.results.pass_source = {
      passages: [{ lane: 'w0.1', ...passage, bytes: 5 }],
      passes: [],
      ms: 1,
      containers: [],
    };
    expect(viewReceipt(saga)).toMatchObject({ bytes_while_running: 75 });
  });

  it('is there only once the migration was completed', () => {
    expect(viewReceipt(storyAt('verifying').saga)).toBeNull();
  });
});
