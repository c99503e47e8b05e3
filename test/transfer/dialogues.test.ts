import { describe, expect, test } from 'vitest';
import { encodeAck, encodeControl, type Frame } from '../../agent/transfer/frame-codec.ts';
import { judgeChunk, onSourceFrame, type ReceiveState, receiveStart } from '../../agent/transfer/receive-dialogue.ts';
import { onTargetFrame, type SendState, sendStart } from '../../agent/transfer/send-dialogue.ts';
import { limits } from '../../schema/limits.ts';
import { type FrameName, frameHeaderBytes, volumeStreamVersion } from '../../schema/volume-stream.ts';

const digest = 'a'.repeat(64);
const proof = { bytes: 10, sha256: digest };
const end = { chunks: 3, ...proof };

const frame = (
  name: Exclude<FrameName, 'chunk' | 'ack' | 'received'>,
  message?: object,
): Exclude<Frame, { name: 'chunk' }> => ({
  name,
  payload: encodeControl(name, message).subarray(frameHeaderBytes),
});
const ack = (next: number, waiting = 1): Frame => ({
  name: 'ack',
  payload: encodeAck(next, waiting).subarray(frameHeaderBytes),
});
const welcome = (next: number, verified: object | null = null) =>
  frame('welcome', { version: volumeStreamVersion, next, verified, keyed: true });
const refused = (said: () => unknown, why: RegExp) => expect(said).toThrow(why);

describe('the source, at a frame of the target', () => {
  const held = { keyed: true, first: 2, next: 5, end: null };
  const sending: SendState = { welcomed: true, cursor: 4, endSent: false };
  const sent: SendState = { welcomed: true, cursor: 3, endSent: true };

  test('sends from the chunk that WELCOME names, if it is held', () => {
    expect(onTargetFrame(sendStart, welcome(3), held)).toEqual({
      state: { welcomed: true, cursor: 3, endSent: false },
      step: { kind: 'send', stripes: 0, slots: 0 },
    });
    for (const next of [1, 6])
      expect(onTargetFrame(sendStart, welcome(next), held).step).toEqual({
        kind: 'restart',
        why: `the target wants chunk ${next}, chunks 2 to 5 are held`,
        keyed: true,
      });
  });

  test('packs again without a key for a target of the previous release, which takes none', () => {
    const older = frame('welcome', { version: volumeStreamVersion, next: 3, verified: null });
    expect(onTargetFrame(sendStart, older, held).step).toMatchObject({ kind: 'restart', keyed: false });
    expect(onTargetFrame(sendStart, older, { ...held, keyed: false }).step).toMatchObject({ kind: 'send' });
  });

  test('confirms the proof of what it sent, after END or with WELCOME, and gives up at any other', () => {
    const all = { keyed: true, first: 0, next: 3, end };
    expect(onTargetFrame(sent, frame('verified', proof), all).step).toEqual({ kind: 'confirm', proof });
    expect(onTargetFrame(sendStart, welcome(0, proof), all).step).toEqual({ kind: 'confirm', proof });
    const other = frame('verified', { ...proof, bytes: 11 });
    expect(onTargetFrame(sent, other, all).step).toMatchObject({ kind: 'give_up', error: { code: 'digest_mismatch' } });
    expect(onTargetFrame(sendStart, welcome(0, proof), held).step).toMatchObject({ kind: 'give_up' });
  });

  test('acknowledges what was sent, and nothing more', () => {
    expect(onTargetFrame(sending, ack(3), held)).toEqual({
      state: sending,
      step: { kind: 'acknowledge', next: 3, waiting: 1 },
    });
    refused(() => onTargetFrame(sending, ack(5, 0), held), /ACK of chunk 5, which was not sent/);
    refused(() => onTargetFrame(sending, ack(4, 1), held), /ACK of chunk 5, which was not sent/);
  });

  test('fails with the reason of a target that gave up', () => {
    const said = frame('rejected', { code: 'disk_full', message: 'no room' });
    expect(onTargetFrame(sending, said, held).step).toMatchObject({
      kind: 'fail',
      error: { code: 'disk_full', message: 'The target gave up: no room' },
    });
  });

  test('B32 takes no code of a peer that would steer this agent or the control plane', () => {
    const steering = [
      'ledger_ahead',
      'epoch_stale',
      'resource_taken',
      'lease_expired',
      'host_revoked',
      'of_a_later_release',
    ];
    for (const code of steering) {
      const said = frame('rejected', { code, message: 'so it says' });
      const interrupted = { error: { code: 'transfer_interrupted', message: expect.stringContaining('so it says') } };
      expect(onTargetFrame(sending, said, held).step, code).toMatchObject(interrupted);
      expect(onSourceFrame(receiveStart, said, { lane: 'data', next: null }).step, code).toMatchObject(interrupted);
    }
  });

  test('B29 refuses what is out of turn', () => {
    refused(() => onTargetFrame(sending, welcome(3), held), /WELCOME twice/);
    refused(() => onTargetFrame(sendStart, ack(0), held), /ack before WELCOME/);
    refused(() => onTargetFrame(sending, frame('verified', proof), held), /verified out of turn/);
    refused(() => onTargetFrame(sending, frame('done'), held), /done out of turn/);
    refused(() => onTargetFrame(sendStart, frame('welcome', { next: -1 }), held), /malformed/);
  });
});

describe('the target, at a frame of the source', () => {
  const lane = { lane: 'data', next: 3 };
  const hello = (of: string) => frame('hello', { version: volumeStreamVersion, lane: of, stream: 's' });
  const greeted: ReceiveState = { ...receiveStart, greeted: true };

  test('welcomes the first HELLO of its own lane', () => {
    const answer = onSourceFrame(receiveStart, hello('data'), { lane: 'data', next: null });
    expect(answer).toMatchObject({ state: greeted, step: { kind: 'welcome', hello: { stream: 's' } } });
    refused(() => onSourceFrame(receiveStart, hello('other'), lane), /HELLO for the item other/);
    refused(() => onSourceFrame(greeted, hello('data'), lane), /HELLO twice/);
  });

  test('finishes at END, once all chunks have come', () => {
    expect(onSourceFrame(greeted, frame('end', end), lane)).toEqual({
      state: { ...greeted, ended: true },
      step: { kind: 'finish', end },
    });
    refused(() => onSourceFrame(greeted, frame('end', { ...end, chunks: 2 }), lane), /END after 2 chunks, 3 have come/);
    refused(() => onSourceFrame({ ...greeted, ended: true }, frame('end', end), lane), /END out of turn/);
    refused(() => onSourceFrame(greeted, frame('end', end), { lane: 'data', next: null }), /END out of turn/);
  });

  test('is done at DONE, once it has sent its proof', () => {
    expect(onSourceFrame({ ...greeted, proof }, frame('done'), lane).step).toEqual({ kind: 'done', proof });
    refused(() => onSourceFrame(greeted, frame('done'), lane), /DONE before VERIFIED/);
  });

  test('B29 refuses frames that only a target sends', () => {
    refused(() => onSourceFrame(greeted, welcome(0), lane), /welcome from the source/);
    refused(() => onSourceFrame(greeted, frame('verified', proof), lane), /verified from the source/);
  });

  test('takes the chunk that is next, drops a repeated one, and refuses any other', () => {
    const inOrder = { next: 3, limit: 4, holds: () => false };
    expect([1, 2, 3, 4].map((sequence) => judgeChunk(greeted, sequence, inOrder))).toEqual([
      'drop',
      'drop',
      'take',
      'violation',
    ]);
    expect(judgeChunk({ ...greeted, ended: true }, 3, inOrder)).toBe('violation');
  });

  test('takes chunks out of order once the stream is striped, each once, and none that it could not hold', () => {
    const striped = { next: 3, limit: 7, holds: (sequence: number) => sequence === 5 };
    expect([2, 3, 4, 5, 6, 7].map((sequence) => judgeChunk(greeted, sequence, striped))).toEqual([
      'drop',
      'take',
      'take',
      'drop',
      'take',
      'violation',
    ]);
  });

  test('B29 answers no more ECHOs than a source needs, and takes SPREAD only between WELCOME and END', () => {
    let state = greeted;
    for (let time = 0; time < limits.stream.echoesMax; time++) {
      const answer = onSourceFrame(state, frame('echo'), lane);
      expect(answer.step).toEqual({ kind: 'echo' });
      state = answer.state;
    }
    refused(() => onSourceFrame(state, frame('echo'), lane), /ECHO out of turn/);
    const spread = frame('spread', { first: 1, count: 3 });
    expect(onSourceFrame(greeted, spread, lane).step).toEqual({ kind: 'spread', spread: { first: 1, count: 3 } });
    refused(() => onSourceFrame(greeted, spread, { lane: 'data', next: null }), /SPREAD out of turn/);
    refused(() => onSourceFrame({ ...greeted, ended: true }, spread, lane), /SPREAD out of turn/);
    for (const bad of [{ first: 0, count: 1 }, { first: 1, count: limits.stream.stripesMax + 1 }, { first: 1 }])
      refused(() => onSourceFrame(greeted, frame('spread', bad), lane), /malformed/);
  });
});
