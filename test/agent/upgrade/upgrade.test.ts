import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { bundleProgram } from '../../../cli/build/node-bundles.ts';
import { agentVersion } from '../../../node/version.ts';
import { eventually } from '../temporary.ts';
import { onlineSecondsMax, sha256Of, startUpgradeRig, type UpgradeRig } from './upgrade-rig.ts';

const bound = { timeout: 120_000 };
let bundle: string;
let later: string;
beforeAll(async () => {
  const dir = await mkdtemp(join(tmpdir(), 'stackferry-upgrade-'));
  await bundleProgram(join(import.meta.dirname, '../../..'), 'agent/main.ts', join(dir, 'agent.js'));
  bundle = await readFile(join(dir, 'agent.js'), 'utf8');
  later = `${bundle}\n// the next one\n`;
  await rm(dir, { recursive: true });
}, 60_000);

const saysVersion = 'if (process.argv[2] === "--version") { console.log("9.9.9"); process.exit(0); }\n';
const crashing = `${saysVersion}throw new Error("no good");\n`;
const hanging = `${saysVersion}setInterval(() => {}, 1000);\n`;

/** A rig whose control plane serves this, and whose agent is online. */
async function rigThatServes(program: string, args: string[] = []): Promise<UpgradeRig> {
  const rig = await startUpgradeRig(bundle, args);
  rig.serve = (response) => void response.end(program);
  expect((await rig.nextHello()).program).toEqual({ sha256: sha256Of(bundle), auto: false, failed: null });
  return rig;
}

const upgraded = async (program: string, version?: string) => {
  const rig = await rigThatServes(program);
  expect(await rig.ask(sha256Of(program), version)).toEqual({ ok: true, data: {} });
  return rig;
};

describe('an agent that is asked to upgrade', bound, () => {
  test('runs the new program, which stays the one that is started, and keeps no other', async () => {
    const rig = await upgraded(later, agentVersion);
    const current = { sha256: sha256Of(later), auto: false, failed: null };
    expect((await rig.nextHello()).program).toEqual(current);
    await eventually(async () => (await rig.programs()).includes('current'), 'the program to be current');
    rig.kill();
    expect((await rig.nextHello()).program).toEqual(current);
    expect(await rig.programs()).toEqual([`${current.sha256}.js`, 'current'].sort());
    // Longer than the launcher's bound: what came online is left alone.
    await new Promise((resolve) => setTimeout(resolve, (onlineSecondsMax + 1) * 1000));
    expect(rig.starts).toBe(3);
  });

  test('C22: goes back from a program that crashes at its start, and says so', async () => {
    const rig = await upgraded(crashing);
    expect((await rig.nextHello()).program).toEqual({
      sha256: sha256Of(bundle),
      auto: false,
      failed: { sha256: sha256Of(crashing), why: 'it ended before it was online' },
    });
  });

  test('C22: goes back from a program that cannot start, with its reason', async () => {
    const opening = /async function openEngine\([^)]*\)\s*\{/;
    expect(bundle).toMatch(opening);
    const rig = await upgraded(bundle.replace(opening, '$&throw new Error("it knows no such engine");'), agentVersion);
    expect((await rig.nextHello()).program?.failed?.why).toBe('it knows no such engine');
  });

  test('C22: goes back from a program that hangs, and from the current one if that is what ran before', async () => {
    const rig = await upgraded(later, agentVersion);
    await rig.nextHello();
    rig.serve = (response) => void response.end(hanging);
    expect(await rig.ask(sha256Of(hanging))).toEqual({ ok: true, data: {} });
    expect((await rig.nextHello()).program).toEqual({
      sha256: sha256Of(later),
      auto: false,
      failed: { sha256: sha256Of(hanging), why: `it was not online after ${onlineSecondsMax} s` },
    });
    // It can be asked again, and what failed is forgotten then.
    const again = `${bundle}//`;
    rig.serve = (response) => void response.end(again);
    expect(await rig.ask(sha256Of(again), agentVersion)).toEqual({ ok: true, data: {} });
    expect((await rig.nextHello()).program).toMatchObject({ sha256: sha256Of(again), failed: null });
  });

  test('C22: refuses what is not of the digest that the request named, and what is endless', async () => {
    const rig = await rigThatServes(`${later}//`);
    expect(await rig.ask(sha256Of(later), agentVersion)).toMatchObject({
      ok: false,
      error: { code: 'digest_mismatch' },
    });
    rig.serve = (response) => {
      const more = () => {
        while (response.write(Buffer.alloc(1024 * 1024)));
        response.once('drain', more);
      };
      more();
    };
    expect(await rig.ask(sha256Of(later))).toMatchObject({ ok: false, error: { code: 'digest_mismatch' } });
    rig.serve = (response) => void response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end();
    expect(await rig.ask(sha256Of(later))).toMatchObject({ ok: false, error: { code: 'command_failed' } });
    expect(await rig.programs()).toEqual([]);
    expect(rig.starts).toBe(1);
  });

  test('refuses what does not run here, or is of another version', async () => {
    const rig = await rigThatServes('this is no program');
    expect(await rig.ask(sha256Of('this is no program'))).toMatchObject({
      error: { code: 'command_failed', message: expect.stringMatching(/does not run .* SyntaxError/) },
    });
    rig.serve = (response) => void response.end(crashing);
    expect(await rig.ask(sha256Of(crashing), '9.9.8')).toMatchObject({ error: { code: 'command_failed' } });
    expect(await rig.programs()).not.toContain('next');
    expect(await rig.ask(sha256Of(bundle))).toMatchObject({ error: { code: 'already_current' } });
    expect(rig.starts).toBe(1);
  });

  test('takes no second request while one is under way; killed then, it is what it was', async () => {
    const rig = await rigThatServes(later);
    let asked = 0;
    rig.serve = (response) => {
      asked += 1;
      response.write(later.slice(0, 1000));
    };
    void rig.ask(sha256Of(later), agentVersion);
    await eventually(() => asked === 1, 'the download');
    expect(await rig.ask(sha256Of(later), agentVersion)).toMatchObject({ error: { code: 'host_busy' } });
    rig.kill();
    expect((await rig.nextHello()).program).toEqual({ sha256: sha256Of(bundle), auto: false, failed: null });
    expect(asked).toBe(1);
  });

  test('C22: killed after its answer, it starts as the new program; killed on trial, as the one before', async () => {
    const rig = await upgraded(later, agentVersion);
    rig.kill();
    expect((await rig.nextHello()).program).toMatchObject({ sha256: sha256Of(later) });
    rig.serve = (response) => void response.end(hanging);
    await rig.ask(sha256Of(hanging));
    await eventually(async () => (await rig.programs()).includes('trial'), 'the trial');
    rig.kill();
    expect((await rig.nextHello()).program).toMatchObject({
      sha256: sha256Of(later),
      failed: { why: 'it ended before it was online' },
    });
  });

  test('refuses with --no-upgrade, and names the line that updates it', async () => {
    const rig = await rigThatServes(later, ['--no-upgrade']);
    expect(await rig.ask(sha256Of(later), agentVersion)).toMatchObject({
      error: { code: 'not_upgradable', message: expect.stringMatching(/--no-upgrade.*install\.sh \| sudo sh$/) },
    });
  });
});
